/** gzip for big answers alone: a small one costs more to compress than to send (upstream's threshold, 128 KiB). */

export const GZIP_THRESHOLD_BYTES = 128 * 1024;

export const acceptsGzip = (headers: Headers): boolean => (headers.get("accept-encoding") ?? "").split(",").some((e) => e.trim().split(";")[0] === "gzip");

interface Head {
	chunks: Uint8Array[];
	bytes: number;
	done: boolean;
}

async function readHead(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Head> {
	const head: Head = { chunks: [], bytes: 0, done: false };
	while (head.bytes < GZIP_THRESHOLD_BYTES) {
		const { done, value } = await reader.read();
		if (done) return { ...head, done };
		head.chunks.push(value);
		head.bytes += value.length;
	}
	return head;
}

function resumed(head: Head, reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
	const chunks = head.chunks;
	return new ReadableStream<Uint8Array>({
		async pull(controller) {
			const chunk = chunks.shift();
			if (chunk) return controller.enqueue(chunk);
			const { done, value } = head.done ? { done: true, value: undefined } : await reader.read();
			if (done) controller.close();
			else controller.enqueue(value);
		},
		cancel: (reason) => reader.cancel(reason),
	});
}

/** The body, compressed when it turns out to be big. */
export async function compressIfLarge(body: ReadableStream<Uint8Array>): Promise<{ body: ReadableStream<Uint8Array>; gzip: boolean }> {
	const reader = body.getReader();
	const head = await readHead(reader);
	const whole = resumed(head, reader);
	if (head.bytes < GZIP_THRESHOLD_BYTES) return { body: whole, gzip: false };
	return { body: whole.pipeThrough(new CompressionStream("gzip") as unknown as ReadableWritablePair<Uint8Array, Uint8Array>), gzip: true };
}
