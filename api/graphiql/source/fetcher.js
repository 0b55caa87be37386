// How the console reaches the API: queries and mutations over HTTP, subscriptions over graphql-transport-ws.
import { getOperationAST } from 'graphql';
import { createClient } from 'graphql-ws';

const HTTP = new URL('/graphql', location.href);
const SOCKET = new URL(HTTP);
SOCKET.protocol = HTTP.protocol === 'https:' ? 'wss:' : 'ws:';

/** What GraphiQL calls with an operation and the content of the headers editor. */
export function fetcher(operation, { documentAST, headers = {} } = {}) {
  const kind = documentAST && getOperationAST(documentAST, operation.operationName)?.operation;
  return kind === 'subscription' ? subscribe(operation, headers) : post(operation, headers);
}

async function post(operation, edited) {
  const headers = new Headers({
    accept: 'application/graphql-response+json, application/json',
    'content-type': 'application/json',
  });
  for (const [name, value] of Object.entries(edited)) {
    headers.set(name, value);
  }
  const response = await fetch(HTTP, { method: 'POST', headers, body: JSON.stringify(operation) });
  const body = await response.text();
  try {
    return JSON.parse(body);
  } catch {
    // Whatever stands before the server may answer with a page of its own.
    return { errors: [{ message: `HTTP ${response.status} ${response.statusText}: ${body.slice(0, 500)}` }] };
  }
}

/** An observable, as GraphiQL takes it. */
function subscribe(operation, headers) {
  return {
    subscribe: (observer) => ({
      unsubscribe: socketFor(authorizationOf(headers)).subscribe(operation, {
        next: (result) => observer.next(result),
        error: (error) => observer.error(readable(error)),
        complete: () => observer.complete(),
      }),
    }),
  };
}

// A socket is signed in once, when it opens. Another authorization therefore needs another client.
let current;

function socketFor(authorization) {
  if (!current || current.authorization !== authorization) {
    current?.client.dispose();
    const client = createClient({
      url: SOCKET.href,
      connectionParams: authorization === undefined ? {} : { authorization },
      lazy: true,
      // Subscribing again without `after` could skip events unseen. Better to show that the socket is gone; the last
      // cursor in the response is where to go on.
      retryAttempts: 0,
    });
    current = { authorization, client };
  }
  return current.client;
}

function authorizationOf(headers) {
  const name = Object.keys(headers).find((name) => name.toLowerCase() === 'authorization');
  return name && headers[name];
}

/** GraphiQL prints errors as JSON, which would leave nothing of an event and show the stack of an error. */
function readable(error) {
  if (Array.isArray(error)) {
    return error;
  }
  if (error instanceof CloseEvent) {
    return { message: `The socket was closed with ${error.code}${error.reason && `: ${error.reason}`}` };
  }
  return { message: error instanceof Error ? error.message : 'The socket failed' };
}
