/**
 * Registers the groups and versions of CustomResourceDefinitions as local APIServices (kube-aggregator's crd registration and
 * autoregister controllers); those of the built-in kinds are there from the beginning.
 */
import { isEstablished } from "../crd/custom-kinds.ts";
import type { KindRegistry } from "../kinds/define-kind.ts";
import { API_SERVICES } from "../kinds/api-service.ts";
import type { APIService, CustomResourceDefinition } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ObjectChange } from "./controller.ts";
import { nameOf, uidOf } from "./identity.ts";

const DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions";
const AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged";
/** Kept as they should be for as long as they should be there. */
const SYNCED = "true";
/** Made once: whoever deletes or changes one may. */
const ON_START = "onstart";

interface Priority {
	group: number;
	version: number;
}

const CUSTOM: Priority = { group: 1_000, version: 100 };
/** kube-apiserver's own (pkg/controlplane/apiserver/aggregator.go); a group that it has not comes after them. */
const BUILTIN: ReadonlyMap<string, Priority> = new Map([
	["v1.", { group: 18_000, version: 1 }],
	["v1.apps", { group: 17_800, version: 15 }],
	["v1.events.k8s.io", { group: 17_750, version: 15 }],
	["v1.authentication.k8s.io", { group: 17_700, version: 15 }],
	["v1.authorization.k8s.io", { group: 17_600, version: 15 }],
	["v1.autoscaling", { group: 17_500, version: 15 }],
	["v2.autoscaling", { group: 17_500, version: 30 }],
	["v1.batch", { group: 17_400, version: 15 }],
	["v1.certificates.k8s.io", { group: 17_300, version: 15 }],
	["v1.networking.k8s.io", { group: 17_200, version: 15 }],
	["v1.policy", { group: 17_100, version: 15 }],
	["v1.rbac.authorization.k8s.io", { group: 17_000, version: 15 }],
	["v1.storage.k8s.io", { group: 16_800, version: 15 }],
	["v1.apiextensions.k8s.io", { group: 16_700, version: 15 }],
	["v1.admissionregistration.k8s.io", { group: 16_700, version: 15 }],
	["v1.scheduling.k8s.io", { group: 16_600, version: 15 }],
	["v1.coordination.k8s.io", { group: 16_500, version: 15 }],
	["v1.node.k8s.io", { group: 16_300, version: 15 }],
	["v1.discovery.k8s.io", { group: 16_200, version: 15 }],
	["v1.flowcontrol.apiserver.k8s.io", { group: 16_100, version: 21 }],
	["v1.resource.k8s.io", { group: 15_900, version: 15 }],
]);

/** Of this server's own, whether registered or not. What registers comes before all else. */
export const priorityOf = (group: string, version: string): Priority =>
	group === "apiregistration.k8s.io" ? { group: 20_000, version: 15 } : (BUILTIN.get(apiServiceName(group, version)) ?? CUSTOM);

const apiServiceName = (group: string, version: string): string => `${version}.${group}`;

function localService(group: string, version: string, priority: Priority, automanaged: string): APIService {
	return {
		apiVersion: "apiregistration.k8s.io/v1",
		kind: "APIService",
		metadata: { name: apiServiceName(group, version), labels: { [AUTOMANAGED]: automanaged } },
		spec: { ...(group === "" ? {} : { group }), version, groupPriorityMinimum: priority.group, versionPriority: priority.version },
	};
}

/** One for each version of each group of the built-in kinds. */
export function builtinApiServices(kinds: KindRegistry): APIService[] {
	const services = new Map<string, APIService>();
	for (const { group, version } of kinds.all()) {
		const name = apiServiceName(group, version);
		// A group is not registered by the API that registers.
		if (group !== "apiregistration.k8s.io" && !services.has(name)) services.set(name, localService(group, version, BUILTIN.get(name) ?? CUSTOM, ON_START));
	}
	return [...services.values()];
}

const namesOf = ({ spec }: CustomResourceDefinition): string[] => spec.versions.map(({ name }) => apiServiceName(spec.group, name));

const serves = (definition: CustomResourceDefinition, name: string): boolean =>
	isEstablished(definition) && definition.spec.versions.some((version) => version.served && apiServiceName(definition.spec.group, version.name) === name);

function concerned({ old, object }: ObjectChange): string[] {
	return [...new Set([old, object].flatMap((definition) => (definition ? namesOf(definition as CustomResourceDefinition) : [])))];
}

export const apiServiceRegistrationController: Controller = {
	name: "apiservice-registration",
	watches: [
		{ resource: DEFINITIONS, keys: concerned },
		{ resource: API_SERVICES, keys: ({ old, object }) => (object === undefined && old?.metadata.labels?.[AUTOMANAGED] === SYNCED ? [nameOf(old)] : []) },
	],
	objectOf: (key, view) => view.get(API_SERVICES, key),
	reconcile(key, view) {
		const found = view.get<APIService>(API_SERVICES, key);
		const definition = view.list<CustomResourceDefinition>(DEFINITIONS).find((one) => serves(one, key));
		if (definition === undefined) {
			const isOurs = found?.metadata.labels?.[AUTOMANAGED] === SYNCED;
			return isOurs ? { actions: [{ type: "delete", resource: API_SERVICES, name: key, uid: uidOf(found) }] } : NOTHING;
		}
		if (found !== undefined) return NOTHING;
		const version = key.slice(0, key.indexOf("."));
		return { actions: [{ type: "create", resource: API_SERVICES, object: localService(definition.spec.group, version, CUSTOM, SYNCED) }] };
	},
};
