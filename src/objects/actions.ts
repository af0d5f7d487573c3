/** Carries out what controllers decide, as the controller's own user, through the same write path as any client. */
import type { Pod } from "../core/schema/kubernetes.d.ts";
import { DEFAULT_SCHEDULER } from "../core/scheduler/configuration/scheduler-configuration.ts";
import { gatherCalls } from "../core/admission/outside-call.ts";
import type { Action } from "../core/controllers/controller.ts";
import type { UserInfo } from "../core/api/request.ts";
import { conflict, internalError, isTold, notFound, StatusError } from "../core/errors/status-error.ts";
import type { KindDefinition } from "../core/kinds/define-kind.ts";
import { resourceOf } from "../core/kinds/define-kind.ts";
import type { KubeObject } from "../core/meta/object.ts";
import { applySchemaDefaults } from "../core/schema/decode.ts";
import { recordEvent } from "./event-recorder.ts";
import { ControllerMemory } from "./controller-memory.ts";
import type { Outbox } from "./outbox.ts";
import type { ResourceServer } from "./resource-server.ts";
import { TwinFields } from "./twin-fields.ts";
import { createObject, deleteObject, updateObject, type WriteOptions } from "./write.ts";
import { cloneJson } from "../core/meta/clone.ts";

const controllerUser = (controller: string): UserInfo => ({
	name: `system:serviceaccount:kube-system:${controller}-controller`,
	groups: ["system:masters", "system:serviceaccounts", "system:authenticated"],
});

const optionsOf = (controller: string, subresource: string): WriteOptions => ({
	user: controllerUser(controller),
	manager: "kube-controller-manager",
	subresource,
	dryRun: false,
	addWarning: () => {},
});

/** A create that the API refuses as such: trying it again as it is would change nothing. */
export class CreationRefused extends Error {
	/** Creations before it. */
	readonly created: number;

	constructor(created: number, cause: StatusError) {
		super(cause.message, { cause });
		this.created = created;
	}
}

/** What will be otherwise at the next try, or is none of the object's doing, is no refusal; a webhook that cannot be asked is one. */
const isRefusal = (error: unknown): error is StatusError =>
	error instanceof StatusError && ((error.code >= 400 && error.code < 500 && error.code !== 409) || isTold(error));

export class Actor {
	readonly #server: ResourceServer;
	readonly #outbox: Outbox;
	readonly #twins = new TwinFields();

	/** Told what a controller wants to know from elsewhere. */
	onGather: (wanted: Extract<Action, { type: "gather" }>) => void = () => {};
	readonly memory: ControllerMemory;

	constructor(server: ResourceServer, outbox: Outbox) {
		this.memory = new ControllerMemory(server.ports.sql);
		this.#server = server;
		this.#outbox = outbox;
	}

	/**
	 * Call inside a transaction: one failing action undoes them all. Events come last: they tell of what was done. Throws
	 * CallsNeeded with what webhooks are to be asked about any of them.
	 */
	act(controller: string, actions: readonly Action[]): void {
		let created = 0;
		const writes = actions.filter((action) => action.type !== "event");
		gatherCalls(writes.map((action) => () => (action.type === "create" ? this.#creation(controller, action, created++) : this.#one(controller, action))));
		for (const action of actions) if (action.type === "event") this.#event(controller, action);
	}

	#creation(controller: string, { resource, object }: Extract<Action, { type: "create" }>, created: number): void {
		try {
			this.#create(controller, resource, cloneJson(object));
		} catch (error) {
			throw isRefusal(error) ? new CreationRefused(created, error) : error;
		}
	}

	#one(controller: string, action: Exclude<Action, { type: "create" | "event" }>): void {
		switch (action.type) {
			case "update":
				return this.#update(controller, action.resource, action.object, action.subresource ?? "");
			case "updateStatus":
				return this.#update(controller, action.resource, action.object, "status");
			case "delete":
				return this.#delete(controller, action);
			case "send":
				return this.#outbox.post(action.message);
			case "remember":
				return this.memory.remember(controller, action.key, action.value);
			case "gather":
				return this.onGather(action);
		}
	}

	#kind(resource: string): KindDefinition {
		const kind = this.#server.kinds.byStoreName(resource);
		if (kind === undefined) throw internalError(new Error(`no kind is stored as ${resource}`));
		return kind;
	}

	#create(controller: string, resource: string, wanted: KubeObject): void {
		const kind = this.#kind(resource);
		// A custom kind brings its defaults along.
		const object = (kind.decode?.(wanted as never).object ?? wanted) as unknown as KubeObject;
		if (!kind.decode) applySchemaDefaults(this.#server.schema, kind.schema, object as never);
		createObject(this.#server, kind, object, { ...optionsOf(controller, ""), twins: this.#twins });
	}

	#update(controller: string, resource: string, object: KubeObject, subresource: string): void {
		const kind = this.#kind(resource);
		const old = this.#server.store.get(resourceOf(kind), object.metadata.name ?? "");
		if (old === undefined) throw notFound({ group: kind.group, resource: kind.plural }, object.metadata.name ?? "");
		updateObject(this.#server, kind, cloneJson(object), old, optionsOf(controller, subresource));
	}

	#delete(controller: string, action: Extract<Action, { type: "delete" }>): void {
		const kind = this.#kind(action.resource);
		const object = this.#server.store.get(action.resource, action.name);
		if (object === undefined) return;
		if (object.metadata.uid !== action.uid)
			throw conflict({ group: kind.group, resource: kind.plural }, action.name, `the object is another one now (uid ${object.metadata.uid})`);
		deleteObject(this.#server, kind, object, {
			user: controllerUser(controller),
			dryRun: false,
			preconditions: { uid: action.uid },
			...(action.gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: action.gracePeriodSeconds }),
			...(action.propagation === undefined ? {} : { propagation: action.propagation }),
		});
	}

	#event(controller: string, { about, eventType, reason, message }: Extract<Action, { type: "event" }>): void {
		// The scheduler tells of a pod by the name that the pod asked for it.
		const source = controller === "scheduler" ? ((about as Pod).spec?.schedulerName ?? DEFAULT_SCHEDULER) : `${controller}-controller`;
		// Events of what has no namespace are in "default".
		if (this.#server.namespace === "")
			return this.#outbox.post({
				to: { object: "namespace", name: about.metadata.namespace || "default" },
				body: { type: "recordEvent", source, about: withoutBody(about), eventType, reason, message },
			});
		recordEvent(this.#server, { source, about, eventType, reason, message });
	}
}

/** What an Event needs of the object it is about. */
const withoutBody = ({ apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } }: KubeObject): KubeObject => ({
	apiVersion,
	kind,
	metadata: { name, namespace, uid, resourceVersion },
});
