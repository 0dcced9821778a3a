// What a program does with the client: it opens a ticket, hears of it on a watch, asks the
// customer how it went, and meets an error. It runs alike in Node and in a browser.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { TicketService, WatchTicketsResponse_Change } from "@concentric-cx/client/ticket/v1/ticket_service";
import { SurveyService } from "@concentric-cx/client/survey/v1/survey_service";
import { ResponseService } from "@concentric-cx/client/survey/v1/response_service";
import { Question_Kind, Survey_Scope } from "@concentric-cx/client/survey/v1/survey";
import { Channel, Subject } from "@concentric-cx/client/type/v1/enums";
import { BadRequestSchema, ErrorInfoSchema } from "@concentric-cx/client/google/rpc/error_details";

/**
 * @param {import("@connectrpc/connect").Transport} transport
 * @param {string} brand such as brands/acme
 * @returns {Promise<string>} what was done, in one line
 */
export async function roundtrip(transport, brand) {
  const tickets = createClient(TicketService, transport);
  const customer = `${brand}/customers/ann`;

  const leave = new AbortController();
  const watch = tickets.watchTickets({ parent: brand }, { signal: leave.signal })[Symbol.asyncIterator]();
  await until(watch, (m) => m.change === WatchTicketsResponse_Change.SNAPSHOT_COMPLETE);

  const request = {
    parent: brand,
    requestId: crypto.randomUUID(), // so that a repeat has no second effect
    ticket: { customer, subject: "Billed twice", channel: Channel.WEB },
  };
  const ticket = await tickets.createTicket(request);
  const again = await tickets.createTicket(request);
  if (again.name !== ticket.name) throw new Error(`a repeat made ${again.name} beside ${ticket.name}`);
  const heard = await until(watch, (m) => m.ticket?.name === ticket.name);
  leave.abort();
  await watch.return?.();

  const surveys = createClient(SurveyService, transport);
  const survey = await surveys.createSurvey({
    parent: brand,
    survey: {
      displayName: "Recommendation",
      subject: Subject.EXPERIENCE,
      scope: Survey_Scope.RELATIONSHIP,
      questions: [{ questionId: "nps", kind: Question_Kind.NPS }],
    },
  });
  const response = await createClient(ResponseService, transport).submitResponse({
    parent: brand,
    response: { survey: survey.name, customer, answers: [{ questionId: "nps", value: { case: "rating", value: 9 } }] },
  });

  const refused = await failure(tickets.createTicket({ parent: brand, ticket: { customer, channel: Channel.WEB } }));
  const [field] = refused.findDetails(BadRequestSchema)[0]?.fieldViolations ?? [];
  const [info] = refused.findDetails(ErrorInfoSchema);
  if (refused.code !== Code.InvalidArgument || field?.field !== "ticket.subject" || info?.reason !== "INVALID_ARGUMENT") {
    throw new Error(`a ticket without a subject is refused with ${refused.message} ${JSON.stringify(info)} ${JSON.stringify(field)}`);
  }
  return `${ticket.name} heard as ${WatchTicketsResponse_Change[heard.change]}, ${response.name} rated ${response.answers[0]?.value.value}, refused for ${field.field}`;
}

/**
 * Reads a watch until a message is wanted, and returns it.
 * @template T
 * @param {AsyncIterator<T>} watch
 * @param {(message: T) => boolean} wanted
 */
async function until(watch, wanted) {
  for (;;) {
    const { value, done } = await watch.next();
    if (done) throw new Error("the watch has ended");
    if (wanted(value)) return value;
  }
}

/**
 * Waits for a call that must fail.
 * @param {Promise<unknown>} call
 */
async function failure(call) {
  try {
    await call;
  } catch (err) {
    return ConnectError.from(err);
  }
  throw new Error("a call that must fail went well");
}
