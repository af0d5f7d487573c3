import { describe, expect, it } from "vitest";
import { testPod } from "../../test/support/agent-node.ts";
import { FakeClock, until } from "../../test/support/fake-clock.ts";
import type { Event } from "../core/schema/kubernetes.d.ts";
import type { ApiClient } from "./control-plane-client.ts";
import { ApiEventRecorder, EVENT_BURST, EVENT_REFILL_MS } from "./event-recorder.ts";
import { silentLogger } from "./log.ts";

function setUp() {
	const clock = new FakeClock();
	const sent: { method: string; path: string; body: Partial<Event>; contentType: string | undefined }[] = [];
	let fail = 0;
	const api: ApiClient = {
		async request(method, path, body, contentType) {
			if (fail-- > 0) throw new Error("away");
			sent.push({ method, path, body: body as Partial<Event>, contentType });
			return { code: method === "POST" ? 201 : 200, body: {} };
		},
	};
	const recorder = new ApiEventRecorder(api, clock, silentLogger, "node-1");
	return { clock, sent, recorder, failNext: (times: number) => (fail = times) };
}

describe("events", () => {
	it("are real Event objects of the kubelet about the container", async () => {
		const { sent, recorder } = setUp();
		recorder.record(testPod(), "Normal", "Started", "Container started", "spec.containers{app}");
		await until(() => sent.length === 1);
		expect(sent[0]).toMatchObject({
			method: "POST",
			path: "/api/v1/namespaces/default/events",
			body: {
				kind: "Event",
				metadata: { namespace: "default", name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) },
				involvedObject: { kind: "Pod", namespace: "default", name: "web", uid: "uid-web", fieldPath: "spec.containers{app}" },
				reason: "Started",
				message: "Container started",
				source: { component: "kubelet", host: "node-1" },
				reportingComponent: "kubelet",
				type: "Normal",
				count: 1,
				firstTimestamp: "2026-01-01T00:00:00Z",
			},
		});
	});

	it("that repeat raise a count", async () => {
		const { clock, sent, recorder } = setUp();
		recorder.record(testPod(), "Warning", "BackOff", "Back-off");
		await until(() => sent.length === 1);
		await clock.advance(5_000);
		recorder.record(testPod(), "Warning", "BackOff", "Back-off");
		await until(() => sent.length === 2);
		expect(sent[1]).toMatchObject({ method: "PATCH", contentType: "application/merge-patch+json", body: { count: 2, lastTimestamp: "2026-01-01T00:00:05Z" } });
		expect(sent[1]?.path).toBe(`/api/v1/namespaces/default/events/${sent[0]?.body.metadata?.name}`);
	});

	it("of a noisy pod are held back, and come again after a while", async () => {
		const { clock, sent, recorder } = setUp();
		for (let i = 0; i < EVENT_BURST + 10; i++) recorder.record(testPod(), "Warning", "Unhealthy", `probe ${i}`);
		await until(() => sent.length === EVENT_BURST);
		await clock.advance(EVENT_REFILL_MS);
		recorder.record(testPod(), "Warning", "Unhealthy", "later");
		await until(() => sent.length === EVENT_BURST + 1);
	});

	it("are sent again when the control plane was away", async () => {
		const { clock, sent, recorder, failNext } = setUp();
		failNext(1);
		recorder.record(testPod(), "Normal", "Started", "Container started");
		await until(() => clock.nextDelayMs !== undefined);
		await clock.advance(2_000);
		await until(() => sent.length === 1);
	});
});
