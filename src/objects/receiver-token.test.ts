import fc from "fast-check";
import { expect, it } from "vitest";
import { receiverToken, uidOfToken } from "./receiver-token.ts";

const KEY = JSON.stringify({ kty: "EC", d: "one" });
const NAMED = { cluster: "c", namespace: "n", name: "hook" };

it("a receiver's token tells its uid to who has the key, and opens nothing else", () => {
	fc.assert(
		fc.property(fc.uuid(), fc.nat(42), (uid, at) => {
			const token = receiverToken(KEY, NAMED, uid);
			expect(uidOfToken(KEY, NAMED, token)).toBe(uid);
			for (const other of [
				{ ...NAMED, cluster: "d" },
				{ ...NAMED, namespace: "m" },
				{ ...NAMED, name: "hook2" },
			])
				expect(uidOfToken(KEY, other, token)).toBeUndefined();
			expect(uidOfToken(JSON.stringify({ d: "two" }), NAMED, token)).toBeUndefined();
			const changed = token.slice(0, at) + (token[at] === "A" ? "E" : "A") + token.slice(at + 1);
			expect(uidOfToken(KEY, NAMED, changed)).toBeUndefined();
		}),
	);
	for (const made of ["", "x", "-".repeat(43), `${"A".repeat(43)}=`]) expect(uidOfToken(KEY, NAMED, made)).toBeUndefined();
});
