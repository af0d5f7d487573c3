/** What a namespace has of the Service of an aggregated API. */
import type { ServiceFacts } from "../../core/controllers/apiservice/availability.ts";
import { ENDPOINT_SLICES, SERVICE_NAME } from "../../core/controllers/endpoint-slice-labels.ts";
import type { EndpointSlice, Service } from "../../core/schema/kubernetes.d.ts";
import type { Store } from "../../store/store.ts";

export function serviceFacts(store: Store, name: string, port: number): ServiceFacts {
	const service = store.get<Service>("services", name);
	if (service === undefined) return { state: "absent" };
	const { type = "ClusterIP", ports = [] } = service.spec ?? {};
	const found = ports.find((one) => one.port === port);
	const slices = store.list<EndpointSlice>(ENDPOINT_SLICES).filter(({ metadata }) => metadata.labels?.[SERVICE_NAME] === name);
	const portName = found === undefined ? undefined : (found.name ?? "");
	const ready = slices.some(
		(slice) =>
			(slice.endpoints ?? []).some(({ conditions }) => conditions?.ready !== false) &&
			(slice.ports ?? []).some((one) => (one.name ?? "") === portName && one.port),
	);
	return { state: "present", type, ...(portName === undefined ? {} : { portName }), slices: slices.length, ready };
}
