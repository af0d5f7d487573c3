import { expect, test } from "vitest";
import { readCertificateRequest } from "./certificate-request.ts";

/** openssl req -new -subj "/O=system:nodes/CN=system:node:n1" -addext "subjectAltName=DNS:n1,IP:10.0.0.1,IP:fd00::1,URI:spiffe://a/b,email:a@b.c" */
const REQUEST =
	"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlJQk56Q0Izd0lCQURBd01SVXdFd1lEVlFRS0RBeHplWE4wWlcwNmJtOWtaWE14RnpBVkJnTlZCQU1NRG5ONQpjM1JsYlRwdWIyUmxPbTR4TUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowREFRY0RRZ0FFcDFHeldwQStNRFZRCkN4TlpNTUFnRjZkUDRJZHFGa3NCaGxZdEVWRytva0xMZFhFMm1VZE9KMG5TT1hPZGp5OEtUTkZsS2dSUVdDakcKREJiL2ZoR3ZLS0JOTUVzR0NTcUdTSWIzRFFFSkRqRStNRHd3T2dZRFZSMFJCRE13TVlJQ2JqR0hCQW9BQUFHSApFUDBBQUFBQUFBQUFBQUFBQUFBQUFBR0dESE53YVdabVpUb3ZMMkV2WW9FRllVQmlMbU13Q2dZSUtvWkl6ajBFCkF3SURSd0F3UkFJZ0dHOWc3Nm1FOXcrUDNvUlNXQlFPdmg1a1BuaFBzT1lnSThUSGxNbVhKdGNDSUg0bnJIc1QKZHkxVTN0dVNhQmNFK2I4Z3gwblBUR0MzL3h0SzhjY2dTMXlPCi0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=";

test("a request says who is to be certified, and under which names", () => {
	expect(readCertificateRequest(REQUEST)).toMatchObject({
		commonName: "system:node:n1",
		organizations: ["system:nodes"],
		dnsNames: ["n1"],
		ipAddresses: ["10.0.0.1", "fd00:0:0:0:0:0:0:1"],
		uris: ["spiffe://a/b"],
		emailAddresses: ["a@b.c"],
		signatureAlgorithm: "1.2.840.10045.4.3.2",
	});
});

test.each([
	["", "PEM block type must be CERTIFICATE REQUEST"],
	["bm90aGluZw==", "PEM block type must be CERTIFICATE REQUEST"],
	[btoa(atob(REQUEST).replace(/\n(MI.).*\n/, "\n$1\n")), "asn1: syntax error: data truncated"],
])("what is none is refused: %s", (request, problem) => {
	expect(() => readCertificateRequest(request)).toThrow(problem);
});
