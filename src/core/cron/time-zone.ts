/** Local time in a zone of the IANA database, with the arithmetic of Go's time.Time that robfig/cron rests on. */

const MS_PER_DAY = 86_400_000;
/** Formatters are costly to make; clusters use few zones. */
const ZONES_CACHED_MAX = 64;

export interface LocalTime {
	year: number;
	/** 1 to 12. */
	month: number;
	day: number;
	hour: number;
	minute: number;
	second: number;
	/** 0 is Sunday. */
	weekday: number;
}

export interface TimeZone {
	/** What clocks show at `ms` since 1970. */
	local(ms: number): LocalTime;
	/**
	 * time.Date: milliseconds since 1970 of a moment that clocks show like this; day and month may overflow. In a gap it is
	 * shown an hour later; of two moments it is the first.
	 */
	at(year: number, month: number, day: number, hour: number): number;
}

function formatterOf(name: string): Intl.DateTimeFormat {
	return new Intl.DateTimeFormat("en-US", {
		timeZone: name,
		hourCycle: "h23",
		era: "short",
		year: "numeric",
		month: "numeric",
		day: "numeric",
		hour: "numeric",
		minute: "numeric",
		second: "numeric",
	});
}

/** Whether there is a zone of this name, such as "Europe/Berlin" (time.LoadLocation); offsets are none. */
export function isTimeZone(name: string): boolean {
	if (!/^[A-Za-z]/.test(name)) return false;
	try {
		formatterOf(name);
		return true;
	} catch {
		return false;
	}
}

const zones = new Map<string, TimeZone>();

/** Throws RangeError for a name that is none. */
export function timeZone(name: string): TimeZone {
	const known = zones.get(name);
	if (known) return known;
	const zone = zoneOf(name === "UTC" || name === "Etc/UTC" ? () => 0 : offsetFrom(formatterOf(name)));
	if (zones.size >= ZONES_CACHED_MAX) zones.clear();
	zones.set(name, zone);
	return zone;
}

/** Milliseconds that clocks are ahead of UTC. */
function offsetFrom(formatter: Intl.DateTimeFormat): (ms: number) => number {
	return (ms) => {
		const wholeMs = Math.floor(ms / 1000) * 1000;
		const part: Record<string, number> = {};
		for (const { type, value } of formatter.formatToParts(wholeMs)) part[type] = Number(value);
		const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
		return Date.UTC(year, month - 1, day, hour, minute, second) - wholeMs;
	};
}

function zoneOf(offsetMs: (ms: number) => number): TimeZone {
	return {
		local(ms) {
			const shown = new Date(ms + offsetMs(ms));
			return {
				year: shown.getUTCFullYear(),
				month: shown.getUTCMonth() + 1,
				day: shown.getUTCDate(),
				hour: shown.getUTCHours(),
				minute: shown.getUTCMinutes(),
				second: shown.getUTCSeconds(),
				weekday: (((Math.floor(shown.getTime() / MS_PER_DAY) + 4) % 7) + 7) % 7,
			};
		},
		at(year, month, day, hour) {
			const shownMs = Date.UTC(year, month - 1, day, hour);
			// The offset is looked up as if the clock's time were UTC and, where that was the wrong side of a change, once more.
			return shownMs - offsetMs(shownMs - offsetMs(shownMs));
		},
	};
}
