// Requests to the service. Every failure becomes an `ApiError` with a code.

export class ApiError extends Error {
  constructor(code, message, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

const MAX_ATTEMPTS = 3;

export async function call(path, { body, method = body ? "POST" : "GET", signal } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    const response = await send(path, { body, method, signal });
    if (response.ok) return response.status === 204 ? null : response.json();
    const wait = Number(response.headers.get("Retry-After"));
    if (response.status === 429 && attempt < MAX_ATTEMPTS && wait <= 5) {
      await pause(1000 * (wait || 1), signal);
      continue;
    }
    throw await readError(response);
  }
}

async function send(path, { body, method, signal }) {
  const headers = { Accept: "application/json" };
  if (body) headers["Content-Type"] = "application/json";
  const key = storedKey();
  if (key) headers.Authorization = `Bearer ${key}`;
  try {
    return await fetch(path, { method, headers, body: body && JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("unreachable", "");
  }
}

async function readError(response) {
  try {
    const { error } = await response.json();
    return new ApiError(error.code, error.message, response.status);
  } catch {
    return new ApiError(`http_${response.status}`, response.statusText, response.status);
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("superseded", "AbortError"));
    });
  });
}

// The key is kept until the tab is closed.
export const storedKey = () => read(() => sessionStorage.getItem("semrec.key"));
export const storeKey = (key) => read(() => sessionStorage.setItem("semrec.key", key));

function read(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

/** Return a function that calls `action(signal, …)`; a new call cancels the one before. */
export function latest(action) {
  let running = null;
  return async (...values) => {
    running?.abort();
    const mine = (running = new AbortController());
    try {
      return await action(mine.signal, ...values);
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      throw error;
    }
  };
}

export const item = (id) => call(`items/${encodeURIComponent(id)}`);
export const items = (ids) => call(`items?${new URLSearchParams(ids.map((id) => ["ids", id]))}`);
