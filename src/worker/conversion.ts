/**
 * Objects answer reads with what is stored; where a definition names a conversion webhook, the front door makes it the version
 * that was asked for. Lists are converted in reviews of bounded length, a watch a message of its feed at a time.
 */
import { type Conversion, convertedObjects, conversionQuestion, REVIEW_OBJECTS_MAX } from "../core/crd/conversion.ts";
import type { StatusError } from "../core/errors/status-error.ts";
import { apiVersionOf, type KindDefinition } from "../core/kinds/define-kind.ts";
import type { KubeObject } from "../core/meta/object.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { makeCalls } from "../objects/outside/make-calls.ts";
import { WATCH_EXPIRED_CODE } from "../objects/rpc.ts";
import { parseEvents, type WatchEvent } from "./watch-event.ts";
import type { FeedEvents } from "./watch-feed.ts";

export class Converter {
	readonly #env: WorkerEnv;
	readonly #cluster: string;
	readonly #kind: KindDefinition;
	readonly #conversion: Conversion;

	private constructor(env: WorkerEnv, cluster: string, kind: KindDefinition, conversion: Conversion) {
		this.#env = env;
		this.#cluster = cluster;
		this.#kind = kind;
		this.#conversion = conversion;
	}

	/** Undefined for a kind that is shown as it is stored. */
	static of(env: WorkerEnv, cluster: string, kind: KindDefinition | undefined): Converter | undefined {
		return kind?.conversion && new Converter(env, cluster, kind, kind.conversion);
	}

	async #review(objects: readonly KubeObject[], desired: string): Promise<KubeObject[]> {
		const { target, timeoutSeconds, body } = conversionQuestion(this.#conversion, objects, desired);
		const uid = crypto.randomUUID();
		const [outcome] = await makeCalls(this.#env, this.#cluster, [{ key: uid, uid, target, timeoutSeconds, body: body(uid) }]);
		if (outcome === undefined) throw new Error("a conversion webhook was called without an outcome");
		return convertedObjects(this.#conversion, objects, desired, outcome);
	}

	/** The objects in their order, all in the version of the kind. @throws StatusError 500 with what the webhook failed at. */
	async all(objects: readonly KubeObject[]): Promise<KubeObject[]> {
		const desired = apiVersionOf(this.#kind);
		const others = objects.filter(({ apiVersion }) => apiVersion !== desired);
		const made: KubeObject[] = [];
		for (let at = 0; at < others.length; at += REVIEW_OBJECTS_MAX) made.push(...(await this.#review(others.slice(at, at + REVIEW_OBJECTS_MAX), desired)));
		const converted = made.values();
		return objects.map((object) => {
			if (object.apiVersion === desired) return object;
			const next = converted.next().value as KubeObject;
			return this.#kind.present?.(next) ?? next;
		});
	}

	/** An object's answer, an object or a list of them, in the version of the kind. */
	async answer(response: Response): Promise<Response> {
		if (!response.ok) return response;
		const value = (await response.json()) as KubeObject & { items?: KubeObject[] };
		const { status, headers } = response;
		if (value.items === undefined) return Response.json(value.kind === this.#kind.kind ? (await this.all([value]))[0] : value, { status, headers });
		return Response.json({ ...value, items: await this.all(value.items) }, { status, headers });
	}

	async #lines(text: string): Promise<string> {
		const events = parseEvents(text);
		const isObject = ({ type }: WatchEvent) => type !== "BOOKMARK" && type !== "ERROR";
		const objects = (await this.all(events.filter(isObject).map(({ object }) => object as KubeObject))).values();
		return events.map((event) => `${JSON.stringify(isObject(event) ? { type: event.type, object: objects.next().value } : event)}\n`).join("");
	}

	/** The events of a feed in their order, converted. A webhook that fails ends the watch: its client lists again, and is told why. */
	feed(events: FeedEvents): FeedEvents {
		let open = true;
		let last = Promise.resolve();
		const inTurn = (work: () => Promise<void> | void): void => {
			last = last.then(async () => (open ? work() : undefined));
		};
		const end = (code: number, reason: string): void => {
			open = false;
			events.closed(code, reason);
		};
		return {
			message: (text) =>
				inTurn(async () => {
					try {
						events.message(text.trim() === "" ? text : await this.#lines(text));
					} catch (error) {
						end(WATCH_EXPIRED_CODE, (error as StatusError).message);
					}
				}),
			closed: (code, reason) => inTurn(() => end(code, reason)),
		};
	}
}
