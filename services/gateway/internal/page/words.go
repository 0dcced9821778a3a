package page

import (
	"golang.org/x/text/language"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
)

// words are what the page itself says, in one language.
type words struct {
	Tag, Send, Next, Save, Required, Optional       string
	Wrong, Nothing, Thanks, Saved, Used, Late, Gone string
	Long                                            string
	Again, Trouble                                  string
	Unmet, Met, Exceeded                            string
	Unlikely, Likely, Dissatisfied, Satisfied       string
	Disagree, Agree, Difficult, Easy, Little, Much  string
}

// spoken are the languages of the page; the first is for all others.
var spoken = []words{
	{
		Tag: "en", Long: "That is too long. Please say it in fewer words.", Send: "Send", Next: "Next", Save: "Save and finish later", Required: "Please answer this question.", Optional: "optional",
		Wrong: "Something is missing or cannot be right. Please look at the answers again.", Nothing: "Please answer at least one question.",
		Thanks: "Thank you. Your answer has arrived.", Saved: "Saved. Open the same link to go on.",
		Used: "This survey has been answered already. Thank you.", Late: "This survey is closed.", Gone: "This link leads nowhere. Perhaps a part of it is missing.",
		Again: "Please open the link again and send the page from there.", Trouble: "That did not work just now. Please try again in a minute.",
		Unmet: "Worse than expected", Met: "As expected", Exceeded: "Better than expected", Unlikely: "not at all likely", Likely: "extremely likely",
		Dissatisfied: "very dissatisfied", Satisfied: "very satisfied", Disagree: "strongly disagree", Agree: "strongly agree",
		Difficult: "very difficult", Easy: "very easy", Little: "very little effort", Much: "very much effort",
	},
	{
		Tag: "de", Long: "Das ist zu lang. Bitte fassen Sie sich kürzer.", Send: "Absenden", Next: "Weiter", Save: "Speichern und später fortsetzen", Required: "Bitte beantworten Sie diese Frage.", Optional: "freiwillig",
		Wrong: "Etwas fehlt oder kann nicht stimmen. Bitte sehen Sie die Antworten noch einmal an.", Nothing: "Bitte beantworten Sie mindestens eine Frage.",
		Thanks: "Vielen Dank. Ihre Antwort ist angekommen.", Saved: "Gespeichert. Öffnen Sie denselben Link, um fortzufahren.",
		Used: "Diese Umfrage ist schon beantwortet. Vielen Dank.", Late: "Diese Umfrage ist beendet.", Gone: "Dieser Link führt nirgendwohin. Vielleicht fehlt ein Teil davon.",
		Again: "Bitte öffnen Sie den Link noch einmal und senden Sie die Seite von dort ab.", Trouble: "Das hat gerade nicht geklappt. Bitte versuchen Sie es in einer Minute noch einmal.",
		Unmet: "Schlechter als erwartet", Met: "Wie erwartet", Exceeded: "Besser als erwartet", Unlikely: "äußerst unwahrscheinlich", Likely: "äußerst wahrscheinlich",
		Dissatisfied: "sehr unzufrieden", Satisfied: "sehr zufrieden", Disagree: "stimme gar nicht zu", Agree: "stimme voll zu",
		Difficult: "sehr schwierig", Easy: "sehr einfach", Little: "sehr wenig Mühe", Much: "sehr viel Mühe",
	},
	{
		Tag: "fr", Long: "C’est trop long. Veuillez raccourcir votre texte.", Send: "Envoyer", Next: "Suivant", Save: "Enregistrer et continuer plus tard", Required: "Veuillez répondre à cette question.", Optional: "facultatif",
		Wrong: "Il manque quelque chose ou une réponse ne convient pas. Veuillez vérifier vos réponses.", Nothing: "Veuillez répondre à au moins une question.",
		Thanks: "Merci. Votre réponse est bien arrivée.", Saved: "Enregistré. Ouvrez le même lien pour continuer.",
		Used: "Cette enquête a déjà reçu votre réponse. Merci.", Late: "Cette enquête est terminée.", Gone: "Ce lien ne mène nulle part. Il en manque peut-être une partie.",
		Again: "Veuillez rouvrir le lien et envoyer la page à partir de là.", Trouble: "Cela n’a pas fonctionné. Veuillez réessayer dans une minute.",
		Unmet: "Moins bien que prévu", Met: "Comme prévu", Exceeded: "Mieux que prévu", Unlikely: "pas du tout probable", Likely: "extrêmement probable",
		Dissatisfied: "très insatisfait", Satisfied: "très satisfait", Disagree: "pas du tout d’accord", Agree: "tout à fait d’accord",
		Difficult: "très difficile", Easy: "très facile", Little: "très peu d’effort", Much: "énormément d’effort",
	},
	{
		Tag: "es", Long: "Es demasiado largo. Acórtelo, por favor.", Send: "Enviar", Next: "Siguiente", Save: "Guardar y seguir más tarde", Required: "Responda a esta pregunta, por favor.", Optional: "opcional",
		Wrong: "Falta algo o una respuesta no es válida. Revise las respuestas, por favor.", Nothing: "Responda al menos a una pregunta, por favor.",
		Thanks: "Gracias. Su respuesta ha llegado.", Saved: "Guardado. Abra el mismo enlace para continuar.",
		Used: "Esta encuesta ya está respondida. Gracias.", Late: "Esta encuesta está cerrada.", Gone: "Este enlace no lleva a ninguna parte. Quizá falte una parte.",
		Again: "Abra el enlace otra vez y envíe la página desde allí.", Trouble: "No ha funcionado. Inténtelo de nuevo en un minuto.",
		Unmet: "Peor de lo esperado", Met: "Como se esperaba", Exceeded: "Mejor de lo esperado", Unlikely: "nada probable", Likely: "muy probable",
		Dissatisfied: "muy insatisfecho", Satisfied: "muy satisfecho", Disagree: "muy en desacuerdo", Agree: "muy de acuerdo",
		Difficult: "muy difícil", Easy: "muy fácil", Little: "muy poco esfuerzo", Much: "muchísimo esfuerzo",
	},
	{
		Tag: "ar", Long: "النص طويل جدًا. يُرجى اختصاره.", Send: "إرسال", Next: "التالي", Save: "حفظ والمتابعة لاحقًا", Required: "يُرجى الإجابة عن هذا السؤال.", Optional: "اختياري",
		Wrong: "هناك شيء ناقص أو غير صحيح. يُرجى مراجعة الإجابات.", Nothing: "يُرجى الإجابة عن سؤال واحد على الأقل.",
		Thanks: "شكرًا لك. لقد وصلت إجابتك.", Saved: "تم الحفظ. افتح الرابط نفسه للمتابعة.",
		Used: "لقد أُجيب عن هذا الاستبيان من قبل. شكرًا لك.", Late: "انتهى هذا الاستبيان.", Gone: "هذا الرابط لا يؤدي إلى أي مكان. ربما ينقصه جزء.",
		Again: "يُرجى فتح الرابط من جديد وإرسال الصفحة من هناك.", Trouble: "لم ينجح ذلك الآن. يُرجى المحاولة مرة أخرى بعد دقيقة.",
		Unmet: "أسوأ من المتوقع", Met: "كما هو متوقع", Exceeded: "أفضل من المتوقع", Unlikely: "غير محتمل إطلاقًا", Likely: "محتمل جدًا",
		Dissatisfied: "غير راضٍ إطلاقًا", Satisfied: "راضٍ جدًا", Disagree: "لا أوافق إطلاقًا", Agree: "أوافق تمامًا",
		Difficult: "صعب جدًا", Easy: "سهل جدًا", Little: "جهد قليل جدًا", Much: "جهد كبير جدًا",
	},
}

// wordsFor returns the words in the language of tag, or in English.
func wordsFor(tag language.Tag) words {
	base, _ := tag.Base()
	for _, w := range spoken {
		if w.Tag == base.String() {
			return w
		}
	}
	return spoken[0]
}

// direction returns the direction in which a language is written, as HTML calls it.
func direction(tag string) string {
	if t, err := language.Parse(tag); err == nil {
		switch script, _ := t.Script(); script.String() {
		case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg":
			return "rtl"
		}
	}
	return "ltr"
}

// ends says what the lowest and the highest point of a scale mean.
func (w words) ends(kind surveyv1.Question_Kind) (low, high string) {
	switch kind {
	case surveyv1.Question_KIND_NPS:
		return w.Unlikely, w.Likely
	case surveyv1.Question_KIND_CSAT5, surveyv1.Question_KIND_STAR5:
		return w.Dissatisfied, w.Satisfied
	case surveyv1.Question_KIND_CES_V2:
		return w.Disagree, w.Agree
	case surveyv1.Question_KIND_CES_V1:
		return w.Little, w.Much
	case surveyv1.Question_KIND_CES_EASE:
		return w.Difficult, w.Easy
	}
	return "", ""
}
