import { describe, expect, it } from "vitest";
import { privateHostProblem } from "./target-address.ts";

const problem = (url: string): string | undefined => privateHostProblem(new URL(url));

describe("the address of a target", () => {
	it.each([
		"http://127.0.0.1/",
		"http://127.1/",
		"http://0x7f000001/",
		"http://2130706433/",
		"http://0/",
		"http://10.1.2.3/",
		"http://172.31.0.1/",
		"http://192.168.1.1/",
		"http://169.254.169.254/latest/meta-data",
		"http://100.64.0.1/",
		"http://224.0.0.1/",
		"http://255.255.255.255/",
		"http://[::1]/",
		"http://[::]/",
		"http://[::ffff:127.0.0.1]/",
		"http://[::ffff:a00:1]/",
		"http://[64:ff9b::10.0.0.1]/",
		"http://[2002:7f00:1::]/",
		"http://[fe80::1]/",
		"http://[fd00::1]/",
		"http://[2001:db8::1]/",
		"http://localhost/",
		"http://LOCALHOST./",
		"http://a.localhost/",
		"http://printer/",
		"http://db.internal/",
		"http://web.default.svc/",
		"http://web.default.svc.cluster.local/",
	])("is private: %s", (url) => {
		expect(problem(url)).toMatch(/is a private address/);
	});

	it.each([
		"https://example.com/",
		"http://8.8.8.8/",
		"http://172.32.0.1/",
		"http://[2606:4700::1111]/",
		"http://[64:ff9b::8.8.8.8]/",
		"https://internal.example.com",
	])("is of the internet: %s", (url) => {
		expect(problem(url)).toBeUndefined();
	});
});
