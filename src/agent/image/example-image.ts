/** The bundled example: a small HTTP server that names its pod, made from what the machine has. */
import { join } from "node:path";
import { buildImage, type ImageFile } from "./build-image.ts";
import { busyboxFiles, findStaticBusybox } from "./busybox.ts";

export const EXAMPLE_IMAGE_REF = "petrel.dev/example/hello:1";
/** Where it listens unless $PORT says otherwise. */
export const EXAMPLE_PORT = 8080;

/**
 * The page is written once, so that a request costs busybox's httpd a fork and no more. The shell stays the first process
 * because the kernel discards a SIGTERM that the first process of a container has no handler for.
 */
const BUSYBOX_SERVER = `#!/bin/sh
# Answers every request for / with one line that names this pod.
# PORT (8080) and POD_IP (all addresses) say where to listen.
name=\${HOSTNAME:-$(hostname)}
for folder in . /tmp; do
	mkdir -p "$folder/www" 2>/dev/null && [ -w "$folder/www" ] && break
done
cd "$folder" || exit 1
echo "Hello from $name, running on Petrel." >www/index.html
httpd -f -p "\${POD_IP:+$POD_IP:}\${PORT:-${EXAMPLE_PORT}}" -h www &
server=$!
trap 'kill $server; exit 0' TERM INT
echo "$name listens on port \${PORT:-${EXAMPLE_PORT}}"
wait $server
`;

const NODE_SERVER = `// Answers every request with one line that names this pod.
// PORT (8080) and POD_IP (all addresses) say where to listen.
import { createServer } from "node:http";
import { hostname } from "node:os";

const name = process.env.HOSTNAME || hostname();
const port = Number(process.env.PORT || ${EXAMPLE_PORT});
const server = createServer((request, response) => {
	response.setHeader("content-type", "text/plain");
	response.end("Hello from " + name + ", running on Petrel.\\n");
});
server.listen(port, process.env.POD_IP || undefined, () => console.log(name + " listens on port " + port));
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));
`;

export interface ExampleImage {
	ref: string;
	tarPath: string;
	/** What the image runs by itself. */
	command: string[];
}

/** Without a static busybox the server is run by the machine's own node: then only the process runtime can run it. */
export async function buildExampleImage(options: { dataDir: string }): Promise<ExampleImage> {
	const tarPath = join(options.dataDir, "images", "example-hello.tar");
	const busybox = await findStaticBusybox();
	const command = busybox === undefined ? ["node", "hello.mjs"] : ["/srv/hello"];
	const server: ImageFile =
		busybox === undefined ? { path: "/srv/hello.mjs", content: NODE_SERVER } : { path: "/srv/hello", content: BUSYBOX_SERVER, mode: 0o755 };
	const files = busybox === undefined ? [server, { path: "/tmp", mode: 0o1777 }] : [...(await busyboxFiles(busybox)), server];
	const { ref } = await buildImage({ ref: EXAMPLE_IMAGE_REF, files, command, workingDir: "/srv", exposedPorts: [EXAMPLE_PORT], tarPath });
	return { ref, tarPath, command };
}
