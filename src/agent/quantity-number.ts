/** Quantities as plain numbers, where the agent only compares and divides. */

const BINARY: Record<string, number> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 };
const DECIMAL: Record<string, number> = { n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 };

/** "100m" is 0.1, "1Gi" 1073741824; throws on what is no quantity. */
export function parseQuantityNumber(text: string): number {
	const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([KMGTPE]i|[numkMGTPE]?))$/.exec(String(text));
	if (!match) throw new Error(`${JSON.stringify(text)} is not a quantity`);
	const [, digits, exponent, suffix = ""] = match;
	if (exponent) return Number(`${digits}${exponent}`);
	return Number(digits) * (BINARY[suffix] ?? DECIMAL[suffix] ?? 1);
}
