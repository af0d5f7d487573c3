/** Messages of containerd's own API (containerd.services.*.v1), for what CRI does not do well: exec, events, pids, images as volumes. */
import { Empty, messageOf } from "./cri-messages.ts";

/** Where containerd's CRI plugin keeps its containers. */
const headers = { "containerd-namespace": "k8s.io" };

const Any = messageOf("Any", { 1: ["typeUrl", "string"], 2: ["value", "bytes"] });
const Container = messageOf("Container", { 1: ["id", "string"], 5: ["spec", Any] });
const Process = messageOf("Process", { 1: ["containerId", "string"], 2: ["id", "string"], 3: ["pid", "uint32"], 4: ["status", "enum"] });
const Mount = messageOf("Mount", { 1: ["type", "string"], 2: ["source", "string"], 4: ["options", ["string"]] });
const snapshotKey = { 1: ["snapshotter", "string"], 2: ["key", "string"] } as const;
const execIds = { 1: ["containerId", "string"], 2: ["execId", "string"] } as const;

export const NATIVE = {
	getContainer: {
		path: "/containerd.services.containers.v1.Containers/Get",
		request: messageOf("GetContainerRequest", { 1: ["id", "string"] }),
		response: messageOf("GetContainerResponse", { 1: ["container", Container] }),
		headers,
	},
	getTask: {
		path: "/containerd.services.tasks.v1.Tasks/Get",
		request: messageOf("GetRequest", execIds),
		response: messageOf("GetResponse", { 1: ["process", Process] }),
		headers,
	},
	exec: {
		path: "/containerd.services.tasks.v1.Tasks/Exec",
		request: messageOf("ExecProcessRequest", {
			1: ["containerId", "string"],
			2: ["stdin", "string"],
			3: ["stdout", "string"],
			4: ["stderr", "string"],
			5: ["terminal", "bool"],
			6: ["spec", Any],
			7: ["execId", "string"],
		}),
		response: Empty,
		headers,
	},
	start: {
		path: "/containerd.services.tasks.v1.Tasks/Start",
		request: messageOf("StartRequest", execIds),
		response: messageOf("StartResponse", { 1: ["pid", "uint32"] }),
		headers,
	},
	wait: {
		path: "/containerd.services.tasks.v1.Tasks/Wait",
		request: messageOf("WaitRequest", execIds),
		response: messageOf("WaitResponse", { 1: ["exitStatus", "uint32"] }),
		headers,
	},
	kill: {
		path: "/containerd.services.tasks.v1.Tasks/Kill",
		request: messageOf("KillRequest", { ...execIds, 3: ["signal", "uint32"], 4: ["all", "bool"] }),
		response: Empty,
		headers,
	},
	deleteProcess: {
		path: "/containerd.services.tasks.v1.Tasks/DeleteProcess",
		request: messageOf("DeleteProcessRequest", execIds),
		response: messageOf("DeleteResponse", { 3: ["exitStatus", "uint32"] }),
		headers,
	},
	closeIO: {
		path: "/containerd.services.tasks.v1.Tasks/CloseIO",
		request: messageOf("CloseIORequest", { ...execIds, 3: ["stdin", "bool"] }),
		response: Empty,
		headers,
	},
	resizePty: {
		path: "/containerd.services.tasks.v1.Tasks/ResizePty",
		request: messageOf("ResizePtyRequest", { ...execIds, 3: ["width", "uint32"], 4: ["height", "uint32"] }),
		response: Empty,
		headers,
	},
	viewSnapshot: {
		path: "/containerd.services.snapshots.v1.Snapshots/View",
		request: messageOf("ViewSnapshotRequest", { ...snapshotKey, 3: ["parent", "string"], 4: ["labels", { map: "string" }] }),
		response: messageOf("ViewSnapshotResponse", { 1: ["mounts", [Mount]] }),
		headers,
	},
	snapshotMounts: {
		path: "/containerd.services.snapshots.v1.Snapshots/Mounts",
		request: messageOf("MountsRequest", snapshotKey),
		response: messageOf("MountsResponse", { 1: ["mounts", [Mount]] }),
		headers,
	},
	removeSnapshot: {
		path: "/containerd.services.snapshots.v1.Snapshots/Remove",
		request: messageOf("RemoveSnapshotRequest", snapshotKey),
		response: Empty,
		headers,
	},
	subscribe: {
		path: "/containerd.services.events.v1.Events/Subscribe",
		request: messageOf("SubscribeRequest", { 1: ["filters", ["string"]] }),
		response: messageOf("Envelope", { 2: ["namespace", "string"], 3: ["topic", "string"], 4: ["event", Any] }),
		headers,
	},
} as const;

/** Events whose topics begin with /tasks/: `id` is set on exits alone, and differs from `containerId` for an exec's. */
export const TaskStart = messageOf("TaskStart", { 1: ["containerId", "string"] });
export const TaskExit = messageOf("TaskExit", { 1: ["containerId", "string"], 2: ["id", "string"] });
