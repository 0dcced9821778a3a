package sentiment

import (
	"strings"

	"github.com/abadojack/whatlanggo"
)

// maxSmall is how many bytes a small word has at most.
const maxSmall = 14

// languages are those whose small words are known: the most frequent ones that join
// others and carry no meaning of their own.
var languages = [...]struct{ tag, words string }{
	{"en", `the of and to in is it you that was for on are with as i his they be at have this from or had by not but what all were
		we when your can there an which she do how their if will up about out then them these so some her would him into has more no
		could my than been who its now did get me our just don't i'm it's can't didn't doesn't won't isn't wasn't i've i'd i'll
		you're they're that's he does am us any only also very because after before why again too got want much off over where
		should being here really still even never great love thanks thank please good like one`},
	{"es", `de la que el en y a los se del las un por con no una su para es al lo como más pero sus le ya o este sí porque esta entre
		cuando muy sin sobre también me hasta hay donde quien desde todo nos durante todos uno les ni contra otros ese eso ante ellos
		e esto mí antes algunos qué unos yo otro otras otra él tanto esa estos mucho quienes nada muchos cual poco ella estar estas
		mi está son fue gracias buen bueno`},
	{"pt", `de a o que e do da em um para com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser quando
		muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos ter seus quem nas me esse eles estão
		você tinha foram essa num nem suas meu às minha têm numa pelos elas havia seja qual será nós tenho lhe este produto bom boa
		ótimo ainda antes recebi chegou prazo tudo bem veio nao`},
	{"fr", `de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont avec son ses mais comme on
		ou leur nous vous je tout ont sa aux cette être été fait même elle deux très bien peu sans ils si y trop mon ma mes car j'ai
		c'est n'est d'une d'un qu'il l'accueil rien toujours pourquoi moi merci bon bonne prix`},
	{"de", `der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach
		wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man sein wurde sei
		ich mir mich wir ihr uns sehr gut kein keine danke was wenn schon immer wieder`},
	{"it", `di e il la che in a per un del è una non si da con le i dei come ha al della sono nel alla lo su più o gli anche ma se
		questo ho mi io molto della delle ed era hanno suo sua ci cui nella tutto quando stato essere poi dopo senza fatto grazie
		perché ottimo così sempre mai`},
	{"nl", `de en van ik te dat die in een hij het niet zijn is was op aan met als voor had er maar om hem dan zou of wat mijn men dit
		zo door over ze zich bij ook tot je mij uit der daar haar naar heb hoe heeft hebben deze u want nog zal me zij nu ge geen
		omdat iets worden toch al waren veel meer doen toen moet ben zonder kan hun dus alles onder ja eens hier wie werd altijd
		wordt goed heel bedankt`},
	{"sv", `och i att det som en på är av för med till den har de inte om ett men var jag sig från vi så kan när år under han
		mycket bra mig ni alla tack också`},
	{"da", `og i at det er en til af på for som med de ikke den har jeg et var om men vi fra så kan hvad være meget mig også nu
		der sig godt ingen tak`},
	{"pl", `i w na nie z się do to że jest o jak po co tak za od ale czy dla ma przez ich tylko jego już był może bardzo mi przy
		jestem mam są dobrze polecam`},
	{"tr", `ve bir bu da de için ile çok o ne daha gibi ama var olarak kadar sonra ben mi değil en olan her ki yok iyi beni bana
		teşekkürler`},
	{"id", `yang dan di ini itu dengan untuk tidak dari dalam akan pada juga saya ke ada sudah bisa karena aku kamu mereka atau
		seperti sangat nya lebih banyak`},
}

// spoken are the languages that are told apart by their letters and trigrams.
var spoken = func() map[whatlanggo.Lang]bool {
	all := map[whatlanggo.Lang]bool{}
	for _, tag := range strings.Fields(`eng spa por fra deu ita nld swe dan nob fin pol ces hun ron tur ind vie hrv rus ukr bul ell arb
		pes heb hin ben urd tam tel tha kor jpn cmn`) {
		all[whatlanggo.CodeToLang(tag)] = true
	}
	return all
}()

// small says which of the languages, by bit, a small word is one of.
var small = func() map[string]uint32 {
	all := map[string]uint32{}
	for i, l := range languages {
		for _, w := range strings.Fields(l.words) {
			all[w] |= 1 << i
		}
	}
	return all
}()
