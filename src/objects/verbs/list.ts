/**
 * GET of a collection. Objects go out as their stored text, without parsing, in pages; the pairs of name and revision are
 * read first, so that the answer is a snapshot even when it spans turns of the event loop.
 */
import type { ApiRequest } from "../../core/api/request.ts";
import { badRequest, expired, StatusError } from "../../core/errors/status-error.ts";
import { apiVersionOf, type KindDefinition, resourceOf } from "../../core/kinds/define-kind.ts";
import { RESUME_OVERLAP_MS, revisionAt } from "../../store/revision-clock.ts";
import type { Matcher } from "../../store/store.ts";
import type { ResourceServer } from "../resource-server.ts";
import { matcherOf } from "../selection.ts";
import { namesAt } from "./list-snapshot.ts";

/** Objects named in one query: below the platform's limit of 100 bound parameters. */
const NAMED_PAGE = 64;
/** Objects that SQL joins at a time. */
const JOINED_PAGE = 256;

const CONTINUE_TOO_OLD =
	"The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

interface ContinueToken {
	/** The cut that the first page was taken at; 0 to go on with what is there now. */
	rv: number;
	/** The last name that was given. */
	start: string;
}

export interface ListPlan {
	/** metadata.resourceVersion of the answer. */
	resourceVersion: number;
	items: { name: string; revision: number }[];
	/** Nothing between two items was passed over. */
	contiguous: boolean;
	continueToken: string;
	remaining: number | undefined;
}

function parseContinue(text: string): ContinueToken {
	try {
		const token = JSON.parse(atob(text)) as Partial<ContinueToken>;
		if (typeof token.rv === "number" && typeof token.start === "string") return { rv: token.rv, start: token.start };
	} catch {
		// What follows says it.
	}
	throw badRequest("continue key is not valid: the token is not one this server made");
}

/** The revision that the list must show: a continued list's cut, or the one asked for exactly; undefined for the present. */
function wantedRevision(server: ResourceServer, { query }: ApiRequest, from: ContinueToken | undefined): number | undefined {
	const asked = query.resourceVersion && query.resourceVersion !== "0" ? Number(query.resourceVersion) : undefined;
	if (asked !== undefined && asked > revisionAt(server.ports.nowMs() + RESUME_OVERLAP_MS))
		throw new StatusError(504, "Timeout", `Too large resource version: ${asked}, current: ${server.store.clock.cut()}`, { retryAfterSeconds: 1 });
	if (from !== undefined) return from.rv === 0 ? undefined : from.rv;
	const isExact = query.resourceVersionMatch === "Exact" || (query.resourceVersionMatch === undefined && (query.limit ?? 0) > 0);
	return isExact ? asked : undefined;
}

const tokenText = (token: ContinueToken): string => btoa(JSON.stringify(token));

/** The 410 of a cut that is compacted away; one of a continued list lets its client go on with what is there now. */
function tooOld(from: ContinueToken | undefined): StatusError {
	if (from === undefined) return expired("The resourceVersion for the provided list is too old.");
	const error = expired(CONTINUE_TOO_OLD);
	error.status.metadata.continue = tokenText({ rv: 0, start: from.start });
	return error;
}

/** What the list will hold. Throws 400 for bad selectors and tokens, 410 for a cut that is compacted away. */
export function planList(server: ResourceServer, kind: KindDefinition, request: ApiRequest): ListPlan {
	const { limit = 0, continue: token } = request.query;
	const from = token ? parseContinue(token) : undefined;
	const wanted = wantedRevision(server, request, from);
	if (wanted !== undefined && wanted < server.store.log.compactedRevision()) throw tooOld(from);
	const matcher = matcherOf(kind, request.query, server.namespace);
	const { items, rest } = pageOf(server, kind, { wanted, matcher, after: from?.start ?? "", limit });
	const resourceVersion = wanted ?? server.store.clock.cut();
	const continueToken = rest > 0 ? tokenText({ rv: from?.rv === 0 ? 0 : resourceVersion, start: items.at(-1)?.name ?? "" }) : "";
	return { resourceVersion, items, contiguous: matcher === undefined, continueToken, remaining: rest > 0 && !matcher ? rest : undefined };
}

interface WantedPage {
	/** Undefined for the present. */
	wanted: number | undefined;
	matcher: Matcher | undefined;
	after: string;
	/** 0 for all. */
	limit: number;
}

/** A page of names, and how many come after it; with a matcher, whether any do. A page of the present costs what it holds. */
function pageOf(server: ResourceServer, kind: KindDefinition, { wanted, matcher, after, limit }: WantedPage): { items: ListPlan["items"]; rest: number } {
	const { store } = server;
	const resource = resourceOf(kind);
	if (wanted !== undefined && store.log.changedSince(resource, wanted)) {
		const left = namesAt(server, kind, wanted, matcher).filter(({ name }) => name > after);
		const items = limit > 0 ? left.slice(0, limit) : left;
		return { items, rest: left.length - items.length };
	}
	const found = store.names(resource, { after, ...(matcher ? { matcher } : {}), ...(limit > 0 ? { limit: limit + 1 } : {}) });
	if (limit === 0 || found.length <= limit) return { items: found, rest: 0 };
	const items = found.slice(0, limit);
	return { items, rest: matcher ? 1 : store.countAfter(resource, items.at(-1)?.name ?? "") };
}

function head(kind: KindDefinition, plan: ListPlan): string {
	const metadata = {
		resourceVersion: String(plan.resourceVersion),
		...(plan.continueToken ? { continue: plan.continueToken } : {}),
		...(plan.remaining === undefined ? {} : { remainingItemCount: plan.remaining }),
	};
	return `{"kind":"${kind.listKind ?? `${kind.kind}List`}","apiVersion":"${apiVersionOf(kind)}","metadata":${JSON.stringify(metadata)},"items":[`;
}

/** The answer's text, a piece at a time: text, or its UTF-8. */
export function* listText(server: ResourceServer, kind: KindDefinition, plan: ListPlan): Generator<string | Uint8Array> {
	yield head(kind, plan);
	yield* itemsText(server, kind, plan);
	yield "]}\n";
}

/** The items alone, joined by commas. */
export function* itemsText(server: ResourceServer, kind: KindDefinition, plan: ListPlan): Generator<string | Uint8Array> {
	for (let at = 0; at < plan.items.length; at += JOINED_PAGE) {
		if (at > 0) yield ",";
		const page = plan.items.slice(at, at + JOINED_PAGE);
		const joined = plan.contiguous && !kind.present ? joinedPage(server, kind, page) : undefined;
		if (joined !== undefined) yield joined;
		else yield* namedPages(server, kind, page);
	}
}

function joinedPage(server: ResourceServer, kind: KindDefinition, page: ListPlan["items"]): Uint8Array | undefined {
	const revisions = page.map((item) => item.revision);
	return server.store.joinedBytes(resourceOf(kind), page[0]?.name ?? "", page.at(-1)?.name ?? "", revisions);
}

function* namedPages(server: ResourceServer, kind: KindDefinition, items: ListPlan["items"]): Generator<string> {
	for (let at = 0; at < items.length; at += NAMED_PAGE) yield (at === 0 ? "" : ",") + namedPage(server, kind, items.slice(at, at + NAMED_PAGE));
}

function namedPage(server: ResourceServer, kind: KindDefinition, page: ListPlan["items"]): string {
	const names = page.map((item) => item.name);
	const found = new Map(server.store.texts(resourceOf(kind), names).map((row) => [row.name, row]));
	const texts = page.map((item) => {
		const row = found.get(item.name);
		return row?.revision === item.revision ? row.body : server.store.log.at(item.revision);
	});
	if (texts.includes(undefined)) throw expired("the list took longer than the change log reaches back");
	return (kind.present ? texts.map((text) => server.shownText(kind, text as string)) : texts).join(",");
}

/** The whole answer, for callers that do not stream. */
export function listBody(server: ResourceServer, kind: KindDefinition, request: ApiRequest): string {
	const decoder = new TextDecoder();
	const pieces = [...listText(server, kind, planList(server, kind, request))];
	return pieces.map((piece) => (typeof piece === "string" ? piece : decoder.decode(piece))).join("");
}
