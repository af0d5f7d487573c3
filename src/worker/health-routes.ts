/** /healthz, /livez, /readyz: this isolate answers, so it lives. Each check is a path of its own, as upstream has it. */
import { pathNotFound } from "../core/errors/status-error.ts";
import { keyringOf } from "../objects/keyring.ts";
import { auditPolicyOf } from "./audit.ts";
import { signingKeys } from "./keys.ts";
import { authenticationOf } from "./oidc-issuers.ts";
import type { FrontDoor } from "./front-door.ts";

type Check = (c: FrontDoor) => Promise<void>;

const CHECKS: Readonly<Record<string, Check>> = {
	ping: async () => {},
	"signing-key": async (c) => {
		await signingKeys(c.env);
	},
	"encryption-keys": async (c) => {
		keyringOf(c.env.PETREL_ENCRYPTION_KEYS);
	},
	authentication: async (c) => {
		authenticationOf(c.env.PETREL_AUTHENTICATION ?? "");
	},
	"audit-policy": async (c) => {
		auditPolicyOf(c.env.PETREL_AUDIT_POLICY ?? "");
	},
};

const text = (body: string, status: number): Response =>
	new Response(body, {
		status,
		headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-cache, private", "x-content-type-options": "nosniff" },
	});

async function passes(c: FrontDoor, name: string, check: Check): Promise<boolean> {
	try {
		await check(c);
		return true;
	} catch (cause) {
		console.error(JSON.stringify({ level: "error", message: "a health check failed", check: name, cause: String(cause) }));
		return false;
	}
}

/** The endpoint as a whole; ?verbose lists its checks, ?exclude leaves some out. */
export const serveHealth =
	(endpoint: string) =>
	async (c: FrontDoor): Promise<Response> => {
		const query = c.get("query");
		const excluded = query.getAll("exclude");
		const lines: string[] = [];
		let failed = false;
		for (const [name, check] of Object.entries(CHECKS)) {
			const ok = excluded.includes(name) || (await passes(c, name, check));
			failed ||= !ok;
			lines.push(excluded.includes(name) ? `[+]${name} excluded: ok` : ok ? `[+]${name} ok` : `[-]${name} failed: reason withheld`);
		}
		if (failed) return text(`${lines.join("\n")}\n${endpoint} check failed\n`, 500);
		return text(query.has("verbose") ? `${lines.join("\n")}\n${endpoint} check passed\n` : "ok", 200);
	};

/** One check: /livez/ping. */
export async function serveHealthCheck(c: FrontDoor): Promise<Response> {
	const name = c.req.param("check") ?? "";
	const check = Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined;
	if (!check) throw pathNotFound();
	return (await passes(c, name, check)) ? text("ok", 200) : text("internal server error: reason withheld\n", 500);
}
