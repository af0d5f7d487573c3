import { describe, expect, it } from "vitest";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { ARTIFACT_BYTES_MAX, fetchArtifact } from "./artifact.ts";

/** A network of these URLs; what is asked for is noted. */
function network(pages: Record<string, () => Response>, allow = ""): { env: WorkerEnv; asked: string[] } {
	const asked: string[] = [];
	const fetch = async (request: Request): Promise<Response> => {
		asked.push(request.url);
		const page = pages[request.url];
		if (page === undefined) throw new TypeError("connect ECONNREFUSED 192.0.2.1");
		return page();
	};
	return { env: { PETREL_WEBHOOK_NETWORK: { fetch }, PETREL_WEBHOOK_PRIVATE_TARGETS: allow } as unknown as WorkerEnv, asked };
}
const to = (location: string) => () => new Response(null, { status: 302, headers: { location } });
const FROM = "https://ci.example.com/a";

describe("an artifact", () => {
	it("is what is at its URL, behind a few redirects", async () => {
		const { env, asked } = network({
			[FROM]: to("/b"),
			"https://ci.example.com/b": to("https://store.example.com/c"),
			"https://store.example.com/c": () => new Response("kind: A"),
		});
		expect(await fetchArtifact(env, FROM)).toEqual({ code: 200, body: "kind: A" });
		expect(asked).toEqual([FROM, "https://ci.example.com/b", "https://store.example.com/c"]);
		const loop = network({ [FROM]: to(FROM) });
		expect(await fetchArtifact(loop.env, FROM)).toMatchObject({ code: 422, body: { message: "the artifact is behind more than 5 redirects" } });
		expect(loop.asked).toHaveLength(6);
	});

	it("is fetched from no private address, and no redirect leads to one", async () => {
		for (const url of [
			"http://127.0.0.1/",
			"http://0x7f000001/",
			"http://[::ffff:10.0.0.1]/",
			"http://169.254.169.254/",
			"http://localhost:6443/",
			"https://api.default.svc/",
		]) {
			const direct = network({});
			expect(await fetchArtifact(direct.env, url), url).toMatchObject({ code: 422, body: { message: expect.stringContaining("is a private address") } });
			const redirected = network({ [FROM]: to(url) });
			expect(await fetchArtifact(redirected.env, FROM), url).toMatchObject({ code: 422, body: { message: expect.stringContaining("is a private address") } });
			expect(redirected.asked).toEqual([FROM]);
		}
		for (const url of ["file:///etc/passwd", "data:text/plain,a", "https://user:password@ci.example.com/", "a"])
			expect(await fetchArtifact(network({}).env, url)).toMatchObject({ code: 422 });
		const allowed = network({ "http://127.0.0.1/": () => new Response("here") }, "allow");
		expect(await fetchArtifact(allowed.env, "http://127.0.0.1/")).toEqual({ code: 200, body: "here" });
	});

	it("is no longer than it may be, and tells nothing of the network", async () => {
		const page = (length: number) => network({ [FROM]: () => new Response("x".repeat(length)) }).env;
		expect(await fetchArtifact(page(ARTIFACT_BYTES_MAX), FROM)).toMatchObject({ code: 200 });
		expect(await fetchArtifact(page(ARTIFACT_BYTES_MAX + 1), FROM)).toEqual({
			code: 422,
			body: { message: `the artifact is longer than ${ARTIFACT_BYTES_MAX} bytes` },
		});
		expect(await fetchArtifact(network({}).env, FROM)).toEqual({ code: 503, body: { message: "the artifact could not be fetched" } });
		expect(await fetchArtifact(network({ [FROM]: () => new Response("secret", { status: 403 }) }).env, FROM)).toEqual({
			code: 422,
			body: { message: "the artifact's server answered with 403" },
		});
	});
});
