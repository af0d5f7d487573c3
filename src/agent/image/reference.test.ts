import { describe, expect, test } from "vitest";
import { normalizeImageRef, parseImageRef } from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

describe("normalizeImageRef", () => {
	test.each([
		["busybox", "docker.io/library/busybox:latest"],
		["busybox:1.36", "docker.io/library/busybox:1.36"],
		["grafana/grafana", "docker.io/grafana/grafana:latest"],
		["docker.io/nginx", "docker.io/library/nginx:latest"],
		["index.docker.io/nginx:1", "docker.io/library/nginx:1"],
		["localhost/a", "localhost/a:latest"],
		["localhost:5000/a:b", "localhost:5000/a:b"],
		["petrel.dev/example/hello:1", "petrel.dev/example/hello:1"],
		[`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
		[`nginx:1@${digest}`, `docker.io/library/nginx:1@${digest}`],
	])("%s is %s", (ref, canonical) => {
		expect(normalizeImageRef(ref)).toBe(canonical);
	});

	test.each(["", "Nginx", "a b", "nginx:", "a//b", "nginx@sha256:12", "-a", "nginx:a/b:c:d"])("refuses %j", (ref) => {
		expect(() => parseImageRef(ref)).toThrow(expect.objectContaining({ reason: "InvalidImageName" }));
	});
});
