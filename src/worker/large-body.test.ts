import { expect, it } from "vitest";
import { acceptsGzip, compressIfLarge, GZIP_THRESHOLD_BYTES } from "./large-body.ts";

const bodyOf = (bytes: number) => new Response(new Uint8Array(bytes).fill(65)).body as ReadableStream<Uint8Array>;

it("leaves a small body as it is", async () => {
	const { body, gzip } = await compressIfLarge(bodyOf(GZIP_THRESHOLD_BYTES - 1));
	expect(gzip).toBe(false);
	expect(await new Response(body).text()).toBe("A".repeat(GZIP_THRESHOLD_BYTES - 1));
});

it("compresses a big one, and loses nothing", async () => {
	const { body, gzip } = await compressIfLarge(bodyOf(GZIP_THRESHOLD_BYTES * 3));
	expect(gzip).toBe(true);
	const plain = body.pipeThrough(new DecompressionStream("gzip") as unknown as ReadableWritablePair<Uint8Array, Uint8Array>);
	expect(await new Response(plain).text()).toBe("A".repeat(GZIP_THRESHOLD_BYTES * 3));
});

it("asks whether the client takes gzip", () => {
	expect(acceptsGzip(new Headers({ "accept-encoding": "br, gzip;q=0.8" }))).toBe(true);
	expect(acceptsGzip(new Headers({ "accept-encoding": "br" }))).toBe(false);
	expect(acceptsGzip(new Headers())).toBe(false);
});
