import { expect, it } from "vitest";
import { createEncryptionKeys, encryptionKeyIds, pruneEncryptionKeys, rotateEncryptionKeys } from "./encryption-keys.ts";

it("puts a new key first and keeps the old ones until they are removed", () => {
	const first = createEncryptionKeys();
	const rotated = rotateEncryptionKeys(first);
	expect(encryptionKeyIds(rotated)).toEqual([expect.any(String), ...encryptionKeyIds(first)]);
	expect(encryptionKeyIds(pruneEncryptionKeys(rotated))).toEqual(encryptionKeyIds(rotated).slice(0, 1));
});

it("says that damaged keys are damaged", () => {
	for (const text of ["", "{}", '{"keys":[]}', '{"keys":[{"kty":"oct","kid":"a","k":"c2hvcnQ"}]}'])
		expect(() => rotateEncryptionKeys(text)).toThrow("The encryption keys are damaged.");
});
