/** A bare connection of a tunnel: bytes pass in both directions, each as fast as its receiver takes them. */
import { type Dial, type Place, connectPlace, TargetError } from "./target-connection.ts";
import type { TunnelStream } from "./tunnel-stream.ts";

export async function exchangeBytes(stream: TunnelStream, place: Place, dial: Dial): Promise<void> {
	const connection = await connectPlace(dial, place, undefined);
	const destroy = () => connection.destroy();
	stream.signal.addEventListener("abort", destroy, { once: true });
	// What breaks the connection ends what is read from it.
	connection.on("error", () => undefined);
	stream.head({ status: 200, statusText: "OK", headers: [] });
	stream.listen({ data: (bytes, taken) => connection.write(bytes, taken), end: () => connection.end(), message: destroy, close: destroy });
	try {
		for await (const chunk of connection as AsyncIterable<Buffer>) if (!(await stream.data(chunk))) break;
	} catch (error) {
		throw new TargetError("lost", (error as NodeJS.ErrnoException).code === "ECONNRESET" ? "EOF" : (error as Error).message);
	} finally {
		connection.destroy();
	}
	stream.end();
}
