import { importJWK, jwtVerify } from "jose";
import { expect, it } from "vitest";
import { createAdminToken, createJoinToken, createSigningKey, isSignedWith } from "./tokens.ts";

async function claims(signingKey: string, token: string): Promise<Record<string, unknown>> {
	const { d: _private, ...publicKey } = JSON.parse(signingKey) as Record<string, string>;
	const { payload, protectedHeader } = await jwtVerify(token, await importJWK(publicKey, "ES256"), {
		issuer: "petrel",
		audience: "default",
		currentDate: new Date(1_000_000),
	});
	expect(protectedHeader.kid).toBe(publicKey["kid"]);
	return payload;
}

it("signs an administrator's token that does not run out", async () => {
	const key = await createSigningKey();
	expect(await claims(key, await createAdminToken(key, 1_000_000))).toEqual({
		iss: "petrel",
		aud: "default",
		sub: "kubernetes-admin",
		groups: ["system:masters"],
		iat: 1000,
	});
});

it("signs join tokens with a name and an end of their own", async () => {
	const key = await createSigningKey();
	const first = await claims(key, await createJoinToken(key, 1_000_000, 60));
	const second = await claims(key, await createJoinToken(key, 1_000_000, 60));
	expect(first).toMatchObject({ groups: ["system:bootstrappers"], iat: 1000, exp: 1060 });
	expect(first["sub"]).toMatch(/^system:bootstrap:[0-9a-f]{6}$/);
	expect(first["sub"]).not.toBe(second["sub"]);
});

it("knows the tokens that its key signed, whole", async () => {
	const [key, other] = [await createSigningKey(), await createSigningKey()];
	const token = await createAdminToken(key, 1_000_000);
	expect(await isSignedWith(key, token)).toBe(true);
	for (const wrong of ["", token.slice(0, -10), await createAdminToken(other, 1_000_000)]) expect(await isSignedWith(key, wrong)).toBe(false);
});

it("says that a signing key is damaged", async () => {
	await expect(createAdminToken("{", 0)).rejects.toThrow(/signing key is damaged/);
	await expect(isSignedWith('{"kty":"EC"}', "")).rejects.toThrow(/signing key is damaged/);
});
