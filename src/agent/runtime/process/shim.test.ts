import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { launchScript } from "./shim.ts";

test("a launch script passes arguments and environment on as they are, and nothing else", () => {
	const args = ["-c", 'printf "%s|" "$@"; env', "sh", "it's", "$HOME `x` \\", "two\nlines", ""];
	const script = launchScript({ program: "/bin/sh", args, env: { "odd.name": "a'b\"c", PATH: "/usr/bin:/bin" }, directory: "/", tty: false });
	const output = execFileSync("sh", ["-c", script], { encoding: "utf8", env: { PATH: process.env.PATH, SECRET: "of the agent" } });
	expect(output).toContain("it's|$HOME `x` \\|two\nlines||");
	expect(output).not.toContain("SECRET");
	const environment = execFileSync(
		"sh",
		["-c", launchScript({ program: "/usr/bin/env", args: [], env: { "odd.name": "a'b\"c" }, directory: "/", tty: false })],
		{ encoding: "utf8" },
	);
	expect(environment).toBe("odd.name=a'b\"c\n");
});
