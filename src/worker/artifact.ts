/** Manifests that a delivery names by their URL: had over the network that webhooks go out by, from public addresses unless the cluster's owner allows others. */
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import type { StepAnswer } from "../core/webhooks/receivers/action.ts";
import { privateHostProblem } from "../core/webhooks/target-address.ts";
import { bounded } from "../objects/outside/make-calls.ts";

/** Length of an artifact, in bytes: that of a request's body. */
export const ARTIFACT_BYTES_MAX = 3 * 1024 * 1024;
const REDIRECTS_MAX = 5;
const TIMEOUT_MS = 10_000;
const ACCEPT = "application/yaml, application/json, text/plain, */*";

const refused = (message: string): StepAnswer => ({ code: 422, body: { message } });

/** Why nothing is fetched from there; undefined when it may be. */
function problemOf(env: WorkerEnv, url: URL | null): string | undefined {
	if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return "the URL is no absolute http or https URL";
	if (url.username !== "" || url.password !== "") return "user information is not permitted in the URL";
	return env.PETREL_WEBHOOK_PRIVATE_TARGETS === "allow" ? undefined : privateHostProblem(url);
}

/** Follows redirects one by one, so that each address is judged. Never rejects. */
export async function fetchArtifact(env: WorkerEnv, from: string): Promise<StepAnswer> {
	const signal = AbortSignal.timeout(TIMEOUT_MS);
	let url = URL.parse(from);
	for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
		const problem = problemOf(env, url);
		if (problem !== undefined) return refused(problem);
		const request = new Request(url as URL, { headers: { accept: ACCEPT }, redirect: "manual", signal });
		try {
			const response = await (env.PETREL_WEBHOOK_NETWORK === undefined ? fetch(request) : env.PETREL_WEBHOOK_NETWORK.fetch(request));
			const location = response.status >= 300 && response.status < 400 ? response.headers.get("location") : null;
			if (location === null) return response.ok ? { code: 200, body: await bounded(response as Response, ARTIFACT_BYTES_MAX) } : unavailable(response.status);
			await response.body?.cancel();
			url = URL.parse(location, url?.href);
		} catch (error) {
			// What is at a URL of the receiver's own may be told of; what the network says may not.
			const { name, message } = error as Error;
			if (message.startsWith("the answer is longer")) return refused(message.replace("the answer", "the artifact"));
			return { code: 503, body: { message: name === "TimeoutError" ? "the artifact did not come in time" : "the artifact could not be fetched" } };
		}
	}
	return refused(`the artifact is behind more than ${REDIRECTS_MAX} redirects`);
}

const unavailable = (status: number): StepAnswer => ({ code: status >= 500 ? 503 : 422, body: { message: `the artifact's server answered with ${status}` } });
