/** How upstream reads a boolean out of a query: anything but "0" and "false". */
export const isTrue = (value: string | null): boolean => value !== null && value !== "0" && value.toLowerCase() !== "false";
