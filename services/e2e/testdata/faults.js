// What people cannot see, reach or understand on this page, as a list of sentences.
(() => {
	const found = [];
	const root = document.documentElement;
	const say = (e, what) => found.push(`<${e.tagName.toLowerCase()}${e.id ? " id=" + e.id : ""}> ${what}`);

	if (!root.lang) say(root, "has no language");
	if (!document.title) say(root, "has no title");
	if (document.querySelectorAll("main").length !== 1) say(root, "has not one main part");
	if (document.querySelectorAll("script, [onclick], [onload]").length) say(root, "has a script");
	if (root.scrollWidth > innerWidth) say(root, `is ${root.scrollWidth} wide on a screen of ${innerWidth}`);
	const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) say(root, `has ${id} twice`);
	for (const e of document.querySelectorAll("[aria-describedby]"))
		if (!document.getElementById(e.getAttribute("aria-describedby"))) say(e, "is described by nothing");

	for (const e of document.querySelectorAll("input:not([type=hidden]), textarea, button")) {
		const name = e.tagName === "BUTTON" ? e.innerText : [...(e.labels || [])].map((l) => l.innerText).join(" ");
		if (!name.trim()) say(e, "has no name");
		const label = e.labels && e.labels[0] ? e.labels[0].getBoundingClientRect() : { width: 0, height: 0 };
		const box = e.getBoundingClientRect();
		if (Math.max(box.height, label.height) < 40 || Math.max(box.width, label.width) < 24) say(e, `is ${Math.round(box.width)} by ${Math.round(box.height)}, too small for a finger`);
		if (["radio", "checkbox"].includes(e.type) && !e.closest("fieldset")?.querySelector("legend")?.innerText.trim()) say(e, "belongs to no question");
	}

	// Contrast, by the formula of WCAG 2.
	const parse = (c) => { const n = c.match(/[\d.]+/g).map(Number); return { r: n[0], g: n[1], b: n[2], a: n.length > 3 ? n[3] : 1 }; };
	const light = ({ r, g, b }) => {
		const [x, y, z] = [r, g, b].map((v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
		return 0.2126 * x + 0.7152 * y + 0.0722 * z;
	};
	const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05); };
	const behind = (e) => {
		for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a > 0.99) return c; }
		return { r: 255, g: 255, b: 255 };
	};
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = walk.nextNode()); ) {
		const e = n.parentElement;
		if (!n.data.trim() || e.closest(".heard, style, script")) continue;
		const style = getComputedStyle(e);
		if (style.visibility !== "visible" || !e.getClientRects().length) continue;
		const ratio = contrast(parse(style.color), behind(e));
		if (ratio < 4.5) say(e, `"${n.data.trim().slice(0, 30)}" has a contrast of ${ratio.toFixed(2)}`);
		if (parseFloat(style.fontSize) < 14) say(e, `"${n.data.trim().slice(0, 30)}" is ${style.fontSize} small`);
		const box = e.getBoundingClientRect();
		if (box.left < -1 || box.right > innerWidth + 1) say(e, `"${n.data.trim().slice(0, 30)}" is beside the screen`);
	}
	for (const e of document.querySelectorAll(".scale label, textarea")) {
		const ratio = contrast(parse(getComputedStyle(e).borderTopColor), behind(e.parentElement));
		if (ratio < 3) say(e, `has an edge with a contrast of ${ratio.toFixed(2)}`);
	}
	return found;
})();
