/**
 * Kubelet's credential provider plugins: programs that are asked for credentials of the registries that they are for
 * (CredentialProviderConfig of kubelet.config.k8s.io/v1; credentialprovider.kubelet.k8s.io/v1).
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { parseDuration } from "../../core/schema/duration-text.ts";
import { AgentError } from "../agent-error.ts";
import type { Clock } from "../clock.ts";
import { durationMs } from "../kubelet-configuration.ts";
import type { Logger } from "../log.ts";
import { fitting, imageLocation, matchesImage, type RegistryCredential } from "./registry-credentials.ts";

const CONFIG_VERSIONS = ["kubelet.config.k8s.io/v1", "kubelet.config.k8s.io/v1beta1", "kubelet.config.k8s.io/v1alpha1"];
const PROVIDER_VERSION = "credentialprovider.kubelet.k8s.io/v1";
/** Kubelet's: how long a plugin may take. */
const EXEC_TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 1024 * 1024;

export interface CredentialProvider {
	name: string;
	matchImages: string[];
	defaultCacheDuration: string;
	apiVersion: string;
	args: string[];
	env: { name: string; value: string }[];
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((one) => typeof one === "string");

/** From a parsed document. Throws AgentError, a sentence that names the field. */
export function credentialProviders(document: unknown): CredentialProvider[] {
	const refuse = (message: string) => new AgentError("configuration", `the credential provider configuration ${message}`);
	if (!isObject(document) || document["kind"] !== "CredentialProviderConfig" || !CONFIG_VERSIONS.includes(String(document["apiVersion"])))
		throw refuse(`must be a CredentialProviderConfig of ${CONFIG_VERSIONS[0]}`);
	const providers = document["providers"];
	if (!Array.isArray(providers) || providers.length === 0) throw refuse("has invalid providers: at least 1 item in plugins is required");
	return providers.map((provider: unknown, index) => {
		const at = `providers[${index}]`;
		if (!isObject(provider)) throw refuse(`has an invalid ${at}`);
		const { name, matchImages, defaultCacheDuration, apiVersion, args = [], env = [] } = provider;
		if (typeof name !== "string" || name === "" || /[\s/\\]/.test(name) || name === "." || name === "..")
			throw refuse(`has an invalid ${at}.name: it names a program, without a directory`);
		if (!isTexts(matchImages) || matchImages.length === 0) throw refuse(`has an invalid ${at}.matchImages: at least 1 item is required`);
		if (typeof defaultCacheDuration !== "string" || (parseDuration(defaultCacheDuration) ?? -1n) < 0n)
			throw refuse(`has an invalid ${at}.defaultCacheDuration: it must be a duration of zero or more`);
		if (apiVersion !== PROVIDER_VERSION) throw refuse(`has an invalid ${at}.apiVersion: supported values: ${PROVIDER_VERSION}`);
		if (!isTexts(args)) throw refuse(`has invalid ${at}.args`);
		if (!Array.isArray(env) || !env.every((one) => isObject(one) && typeof one["name"] === "string" && typeof one["value"] === "string"))
			throw refuse(`has an invalid ${at}.env`);
		if (provider["tokenAttributes"] !== undefined) throw refuse(`has ${at}.tokenAttributes: this agent gives plugins no tokens of pods' service accounts`);
		return { name, matchImages, defaultCacheDuration, apiVersion, args, env: env as CredentialProvider["env"] };
	});
}

type Auth = Record<string, { username?: string; password?: string }>;

interface Answer {
	auth: Auth;
	cacheKeyType: string;
	cacheMs: number;
}

export interface CredentialProvidersOptions {
	providers: readonly CredentialProvider[];
	/** Where their programs are. */
	directory: string;
	clock: Clock;
	log: Logger;
}

export class CredentialProviders {
	readonly #options: CredentialProvidersOptions;
	/** By provider and what its answer is good for. */
	readonly #cache = new Map<string, { auth: Auth; untilMs: number }>();
	readonly #asking = new Map<string, Promise<Auth>>();

	constructor(options: CredentialProvidersOptions) {
		this.#options = options;
	}

	/** A plugin that fails has none; the pull then says what the registry says. */
	async credentials(ref: string): Promise<RegistryCredential[]> {
		const { providers, log } = this.#options;
		const found: RegistryCredential[] = [];
		for (const provider of providers.filter(({ matchImages }) => matchImages.some((pattern) => matchesImage(pattern, ref)))) {
			const auth = await this.#auth(provider, ref).catch((error: unknown): Auth => {
				log.warn("a credential provider plugin gave no credentials", { plugin: provider.name, image: ref, error });
				return {};
			});
			for (const { username = "", password = "" } of fitting(auth, ref)) if (username) found.push({ username, password, ofNode: true });
		}
		return found;
	}

	/** One question at a time of one plugin for one image. */
	#auth(provider: CredentialProvider, ref: string): Promise<Auth> {
		const image = ref.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
		const { host, port } = imageLocation(ref);
		const keys = { Image: image, Registry: port ? `${host}:${port}` : host, Global: "" };
		for (const [type, value] of Object.entries(keys)) {
			const cached = this.#cache.get(`${provider.name} ${type} ${value}`);
			if (cached && cached.untilMs > this.#options.clock.nowMs()) return Promise.resolve(cached.auth);
		}
		const question = `${provider.name} ${image}`;
		const asking =
			this.#asking.get(question) ??
			this.#ask(provider, image)
				.then(({ auth, cacheKeyType, cacheMs }) => {
					const value = keys[cacheKeyType as keyof typeof keys];
					if (cacheMs > 0) this.#cache.set(`${provider.name} ${cacheKeyType} ${value}`, { auth, untilMs: this.#options.clock.nowMs() + cacheMs });
					return auth;
				})
				.finally(() => this.#asking.delete(question));
		this.#asking.set(question, asking);
		return asking;
	}

	async #ask(provider: CredentialProvider, image: string): Promise<Answer> {
		const { name, apiVersion, args, env, defaultCacheDuration } = provider;
		const request = JSON.stringify({ kind: "CredentialProviderRequest", apiVersion, image });
		const own = Object.fromEntries(env.map((one) => [one.name, one.value]));
		const output = await run(join(this.#options.directory, name), args, { ...process.env, ...own }, request);
		const answer: unknown = JSON.parse(output);
		if (!isObject(answer) || answer["kind"] !== "CredentialProviderResponse" || answer["apiVersion"] !== apiVersion)
			throw new Error(`its answer is no CredentialProviderResponse of ${apiVersion}`);
		const cacheKeyType = String(answer["cacheKeyType"]);
		if (!["Image", "Registry", "Global"].includes(cacheKeyType)) throw new Error(`its answer has the invalid cacheKeyType ${JSON.stringify(cacheKeyType)}`);
		const cacheDuration = answer["cacheDuration"] ?? defaultCacheDuration;
		if (typeof cacheDuration !== "string" || parseDuration(cacheDuration) === undefined) throw new Error("its answer has an invalid cacheDuration");
		return { auth: (answer["auth"] ?? {}) as Auth, cacheKeyType, cacheMs: durationMs(cacheDuration) };
	}
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv, input: string): Promise<string> {
	return new Promise((resolve, reject) => {
		const child = execFile(program, args, { env, timeout: EXEC_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX }, (error, output, said) => {
			if (error) reject(new Error(`${program}: ${said.trim() || error.message}`, { cause: error }));
			else resolve(output);
		});
		// One that ends without reading does not want it.
		child.stdin?.on("error", () => undefined);
		child.stdin?.end(input);
	});
}
