import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import type { EdgeSettings } from "./src/core/edge/edge-settings.ts";
import { absentFiles } from "./test/e2e/support/runtimes.ts";
import { testEncryptionKeys } from "./test/support/test-keys.ts";

/** For tests that hang, not for slow machines. */
const UNIT_TIMEOUT_MS = 60_000;
const E2E_TIMEOUT_MS = 180_000;
const SIM_TIMEOUT_MS = 120_000;
/** The first request of a file loads the Worker's modules. */
const WORKERD_TIMEOUT_MS = 60_000;

/** As on an account: what does not come by the API's host is the edge's. */
const TEST_EDGE: EdgeSettings = {
	addresses: [{ hostname: "edge.test" }],
	ports: { http: 80, https: 443 },
	apiHosts: ["petrel"],
	domain: "edge.test",
};

export default defineConfig({
	test: {
		projects: [
			{
				test: {
					name: "unit",
					environment: "node",
					// The files share their modules, which are pure: loading them anew for each took more time than the tests.
					isolate: false,
					testTimeout: UNIT_TIMEOUT_MS,
					setupFiles: ["test/support/fixed-seeds.ts"],
					include: ["src/**/*.test.ts", "tools/**/*.test.ts", "test/*.test.ts", "test/golden/**/*.test.ts", "test/controllers/**/*.test.ts"],
				},
			},
			{ test: { name: "sim", environment: "node", include: ["test/sim/**/*.test.ts"], testTimeout: SIM_TIMEOUT_MS } },
			{
				plugins: [
					cloudflareTest({
						wrangler: { configPath: "./wrangler.toml" },
						miniflare: {
							bindings: {
								PETREL_SIGNING_KEY: testSigningKey(),
								PETREL_ENCRYPTION_KEYS: testEncryptionKeys("test"),
								PETREL_EDGE: JSON.stringify(TEST_EDGE),
							},
						},
					}),
				],
				test: { name: "workerd", include: ["test/workerd/**/*.test.ts"], testTimeout: WORKERD_TIMEOUT_MS },
			},
			{
				test: {
					name: "e2e",
					globalSetup: ["test/e2e/support/install.ts"],
					environment: "node",
					include: ["test/e2e/**/*.test.ts"],
					exclude: absentFiles.map(({ file }) => file),
					testTimeout: E2E_TIMEOUT_MS,
					hookTimeout: E2E_TIMEOUT_MS,
					fileParallelism: false,
				},
			},
		],
	},
});

/** A key for the tests alone: what it signs is good nowhere else. */
function testSigningKey(): string {
	return JSON.stringify({
		kty: "EC",
		crv: "P-256",
		x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
		y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
		d: "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
		kid: "test",
		alg: "ES256",
	});
}
