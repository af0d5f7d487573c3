import { describe, expect, it } from "vitest";
import { ALL_VERBS, type KindDefinition } from "./define-kind.ts";
import { builtinKinds } from "./registry.ts";
import { columnDefinitions, tableOf } from "../table/table.ts";

const kinds = builtinKinds.all();
const header = (kind: KindDefinition): string =>
	columnDefinitions(kind)
		.map((c) => (c.priority > 0 ? `(${c.name})` : c.name))
		.join(" ");

describe("the registry of kinds", () => {
	it("finds each kind by path, by kind and by collection", () => {
		for (const kind of kinds) {
			expect(builtinKinds.byResource(kind.group, kind.version, kind.plural)).toBe(kind);
			expect(builtinKinds.byKind(kind.group, kind.version, kind.kind)).toBe(kind);
		}
		expect(builtinKinds.byStoreName("apps/deployments")?.kind).toBe("Deployment");
		expect(builtinKinds.byStoreName("pods")?.kind).toBe("Pod");
		expect(builtinKinds.byResource("", "v1", "nothing")).toBeUndefined();
	});

	it("gives no name to two kinds of a group", () => {
		const named = kinds.filter((k) => k.storedAs?.kind.group !== k.group);
		const names = named.flatMap((k) =>
			[k.plural, k.singular, ...(k.shortNames ?? [])].filter((n, i, all) => all.indexOf(n) === i).map((n) => `${k.group}/${n}`),
		);
		expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
	});

	it("takes every verb but of what is only asked, only read or only written", () => {
		const exceptions: Record<string, readonly string[]> = {
			Binding: ["create"],
			ComponentStatus: ["get", "list"],
			Namespace: ALL_VERBS.filter((v) => v !== "deletecollection"),
		};
		for (const kind of kinds)
			expect(kind.verbs).toEqual(kind.computed ? ["get", "list"] : kind.kind.endsWith("Review") ? ["create"] : (exceptions[kind.kind] ?? ALL_VERBS));
	});

	it("describes every column", () => {
		for (const kind of kinds) for (const column of columnDefinitions(kind)) expect(column.description, `${kind.kind} ${column.name}`).not.toBe("");
	});

	it("shows each kind under upstream's headings", () => {
		expect(Object.fromEntries(kinds.filter((k) => k.verbs.includes("list") && !k.kind.endsWith("Review")).map((k) => [k.kind, header(k)]))).toEqual({
			APIService: "Name Service Available Age",
			CSIDriver: "Name AttachRequired PodInfoOnMount StorageCapacity TokenRequests RequiresRepublish Modes Age",
			CSINode: "Name Drivers Age",
			CSIStorageCapacity: "Name StorageClassName Capacity",
			CertificateSigningRequest: "Name Age SignerName Requestor RequestedDuration Condition",
			ClusterRole: "Name Created At",
			ClusterWebhookSubscription: "Name Target Ready Delivered Pending Dead Age (Reason) (Lag) (Failures) (Lost) (Last Failure)",
			ClusterRoleBinding: "Name Role Age (Users) (Groups) (ServiceAccounts)",
			ComponentStatus: "Name Status Message Error",
			ConfigMap: "Name Data Age",
			ControllerRevision: "Name Controller Revision Age",
			CronJob: "Name Schedule Timezone Suspend Active Last Schedule Age (Containers) (Images) (Selector)",
			CustomResourceDefinition: "Name Created At",
			DaemonSet: "Name Desired Current Ready Up-to-date Available Node Selector Age (Containers) (Images) (Selector)",
			Deployment: "Name Ready Up-to-date Available Age (Containers) (Images) (Selector)",
			DeviceClass: "Name Age",
			EndpointSlice: "Name AddressType Ports Endpoints Age",
			Endpoints: "Name Endpoints Age",
			Event: "Last Seen Type Reason Object (Subobject) (Source) Message (First Seen) (Count) (Name)",
			FlowSchema: "Name PriorityLevel MatchingPrecedence DistinguisherMethod Age MissingPL",
			HorizontalPodAutoscaler: "Name Reference Targets MinPods MaxPods Replicas Age",
			IPAddress: "Name ParentRef",
			Ingress: "Name Class Hosts Address Ports Age",
			IngressClass: "Name Controller Parameters Age",
			Job: "Name Status Completions Duration Age (Containers) (Images) (Selector)",
			Lease: "Name Holder Age",
			LimitRange: "Name Created At",
			MutatingAdmissionPolicy: "Name Mutations ParamKind Age",
			MutatingAdmissionPolicyBinding: "Name PolicyName ParamRef Age",
			MutatingWebhookConfiguration: "Name Webhooks Age",
			Namespace: "Name Status Age",
			NetworkPolicy: "Name Pod-Selector Age",
			Node: "Name Status Roles Age Version (Internal-IP) (External-IP) (OS-Image) (Kernel-Version) (Container-Runtime)",
			PersistentVolume: "Name Capacity Access Modes Reclaim Policy Status Claim StorageClass VolumeAttributesClass Reason Age (VolumeMode)",
			PersistentVolumeClaim: "Name Status Volume Capacity Access Modes StorageClass VolumeAttributesClass Age (VolumeMode)",
			NodeMetrics: "Name CPU Memory Window",
			PodMetrics: "Name CPU Memory Window",
			Pod: "Name Ready Status Restarts Age (IP) (Node) (Nominated Node) (Readiness Gates)",
			PodDisruptionBudget: "Name Min Available Max Unavailable Allowed Disruptions Age",
			PodTemplate: "Name Containers Images Pod Labels",
			PriorityClass: "Name Value Global-Default Age PreemptionPolicy",
			PriorityLevelConfiguration: "Name Type NominalConcurrencyShares Queues HandSize QueueLengthLimit Age",
			ReplicaSet: "Name Desired Current Ready Age (Containers) (Images) (Selector)",
			ReplicationController: "Name Desired Current Ready Age (Containers) (Images) (Selector)",
			ResourceClaim: "Name State Age",
			ResourceClaimTemplate: "Name Age",
			ResourceQuota: "Name Request Limit Age",
			ResourceSlice: "Name Node Driver Pool Age",
			Role: "Name Created At",
			RoleBinding: "Name Role Age (Users) (Groups) (ServiceAccounts)",
			RuntimeClass: "Name Handler Age",
			Secret: "Name Type Data Age",
			Service: "Name Type Cluster-IP External-IP Port(s) Age (Selector)",
			ServiceAccount: "Name Secrets Age",
			ServiceCIDR: "Name CIDRs Age",
			StatefulSet: "Name Ready Age (Containers) (Images)",
			StorageClass: "Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age",
			ValidatingAdmissionPolicy: "Name Validations ParamKind Age",
			ValidatingAdmissionPolicyBinding: "Name PolicyName ParamRef Age",
			ValidatingWebhookConfiguration: "Name Webhooks Age",
			VolumeAttachment: "Name Attacher PV Node Attached Age",
			VolumeAttributesClass: "Name DriverName Age",
			WebhookReceiver: "Name Type Ready Last Delivery Outcome Age (URL) (Reason)",
			WebhookSubscription: "Name Target Ready Delivered Pending Dead Age (Reason) (Lag) (Failures) (Lost) (Last Failure)",
		});
	});
});

describe("a table of a kind without columns", () => {
	it("has names and ages", () => {
		const pods = builtinKinds.byStoreName("pods");
		if (!pods) throw new Error("no Pod");
		const bare: KindDefinition = { ...pods, kind: "Widget", columns: [], rowConditions: undefined };
		const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w", creationTimestamp: "1970-01-01T00:00:00Z" } };
		const table = tableOf(bare, [widget], { includeObject: "Object", nowMs: 5000, listMeta: { resourceVersion: "4" } });
		expect(table).toMatchObject({ kind: "Table", apiVersion: "meta.k8s.io/v1", metadata: { resourceVersion: "4" } });
		expect(table.columnDefinitions.map((c) => [c.name, c.format])).toEqual([
			["Name", "name"],
			["Age", ""],
		]);
		expect(table.rows).toEqual([{ cells: ["w", "5s"], object: widget }]);
	});
});
