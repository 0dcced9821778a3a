// Runs the example in a page. It is given the address of the suite and where to say how it
// went: /example/?http://127.0.0.1:8080
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { roundtrip } from "./roundtrip.js";

const baseUrl = decodeURIComponent(location.search.slice(1));
const brand = "brands/acme";
const lines = [];
try {
  lines.push(`Connect: ${await roundtrip(createConnectTransport({ baseUrl }), brand)}`);
  lines.push(`Connect, binary: ${await roundtrip(createConnectTransport({ baseUrl, useBinaryFormat: true }), brand)}`);
  lines.push(`gRPC-Web: ${await roundtrip(createGrpcWebTransport({ baseUrl }), brand)}`);
  lines.push(`REST: ${await rest()}`);
  lines.push(`events: ${await events()}`);
  lines.push("done");
} catch (err) {
  lines.push(`failed: ${err}`);
}
await fetch("/result", { method: "POST", body: lines.join("\n") });

/** Opens a ticket by REST, and meets a problem. */
async function rest() {
  const tickets = `${baseUrl}/v1/${brand}/tickets`;
  const headers = { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() };
  const body = JSON.stringify({ customer: `${brand}/customers/ann`, subject: "Late", channel: "CHANNEL_WEB" });
  const made = await (await fetch(tickets, { method: "POST", headers, body })).json();
  const refused = await fetch(tickets, { method: "POST", headers, body: "{}" });
  const problem = await refused.json();
  return `${made.name}, refused with ${refused.status} ${refused.headers.get("Content-Type")} ${problem.code}`;
}

/** Listens to tickets as server-sent events until the snapshot is complete. */
function events() {
  return new Promise((resolve, reject) => {
    const source = new EventSource(`${baseUrl}/v1/${brand}/tickets:watch`);
    let n = 0;
    source.onmessage = (event) => {
      n++;
      if (JSON.parse(event.data).change === "CHANGE_SNAPSHOT_COMPLETE") {
        source.close();
        resolve(`${n} events, the last with ${event.lastEventId ? "an" : "no"} id`);
      }
    };
    source.onerror = () => reject(new Error("the events ended"));
  });
}
