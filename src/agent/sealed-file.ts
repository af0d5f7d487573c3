/**
 * A file that holds Secrets: sealed (AES-256-GCM), so that a copy of it, a backup of the disk say, tells nothing without the key. The
 * key is a file of its own, since pods must start again without a control plane; $PETREL_SEALING_KEY_FILE may name one
 * that is kept elsewhere, as a systemd credential is.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentError } from "./agent-error.ts";
import { readBytesIfPresent, readFileIfPresent, writeFileAtomic } from "./atomic-file.ts";
import { errorText } from "./log.ts";

export const SEALING_KEY_VARIABLE = "PETREL_SEALING_KEY_FILE";
const KEY_FILE = "sealing-key";
const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Before the sealed bytes, which are nonce, ciphertext and tag. */
const MARK = Buffer.from("petrel-sealed-1\n");

/** The key as hexadecimal text; made on first use when it lies in the data directory. */
export async function loadSealingKey(dataDirectory: string, elsewhere = process.env[SEALING_KEY_VARIABLE]): Promise<Buffer> {
	const path = elsewhere ?? join(dataDirectory, KEY_FILE);
	const text = elsewhere === undefined ? await readFileIfPresent(path) : await readFile(path, "utf8").catch((error: unknown) => refuse(path, errorText(error)));
	if (text === undefined) {
		const key = randomBytes(KEY_BYTES);
		await writeFileAtomic(path, `${key.toString("hex")}\n`);
		return key;
	}
	const key = Buffer.from(text.trim(), "hex");
	return key.length === KEY_BYTES ? key : refuse(path, `it must hold ${KEY_BYTES} bytes as hexadecimal digits`);
}

function refuse(path: string, why: string): never {
	throw new AgentError("data-directory", `the sealing key ${path} cannot be used: ${why}`);
}

export function seal(key: Buffer, text: string): Buffer {
	const nonce = randomBytes(NONCE_BYTES);
	const cipher = createCipheriv(ALGORITHM, key, nonce);
	return Buffer.concat([MARK, nonce, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
}

/** The text; undefined when the file is not whole or was sealed with another key. A file from before files were sealed is read as it is. */
export function unseal(key: Buffer, content: Buffer): string | undefined {
	if (!content.subarray(0, MARK.length).equals(MARK)) return content.toString("utf8");
	const body = content.subarray(MARK.length);
	try {
		const decipher = createDecipheriv(ALGORITHM, key, body.subarray(0, NONCE_BYTES));
		decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
		return Buffer.concat([decipher.update(body.subarray(NONCE_BYTES, body.length - TAG_BYTES)), decipher.final()]).toString("utf8");
	} catch {
		return undefined;
	}
}

/** One such file in an agent's data directory. */
export class SealedFile {
	readonly #dataDirectory: string;
	readonly #path: string;
	#key: Promise<Buffer> | undefined;
	#saving: Promise<void> | undefined;
	/** What is to be written next. */
	#content: (() => string) | undefined;

	constructor(dataDirectory: string, name: string) {
		this.#dataDirectory = dataDirectory;
		this.#path = join(dataDirectory, name);
	}

	/** What an earlier run left; undefined when there is nothing that can be read. */
	async read(): Promise<string | undefined> {
		const content = await readBytesIfPresent(this.#path);
		return content && unseal(await this.#sealingKey(), content);
	}

	/** Writes soon; several changes share a write. Rejects when the disk refuses. */
	save(content: () => string): Promise<void> {
		this.#content = content;
		this.#saving ??= this.#write().finally(() => {
			this.#saving = undefined;
		});
		return this.#saving;
	}

	async #write(): Promise<void> {
		while (this.#content) {
			const content = this.#content;
			this.#content = undefined;
			await writeFileAtomic(this.#path, seal(await this.#sealingKey(), content()));
		}
	}

	/** A key that cannot be had may be there the next time. */
	#sealingKey(): Promise<Buffer> {
		this.#key ??= loadSealingKey(this.#dataDirectory).catch((error: unknown) => {
			this.#key = undefined;
			throw error;
		});
		return this.#key;
	}
}
