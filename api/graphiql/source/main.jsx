// The GraphQL console that the server hands out at `/`.
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { fetcher } from './fetcher.js';
import './main.css';
import welcome from './welcome.graphql';

// The links in completions and tips have `javascript:void 0` for an address beside what they do when clicked. The
// content security policy refuses such addresses and would complain at every click.
addEventListener('click', (event) => event.target.closest?.('a[href^="javascript:"]') && event.preventDefault());

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={fetcher}
    defaultQuery={welcome}
    defaultEditorToolsVisibility="headers"
    isHeadersEditorEnabled
    // Tokens are never written down.
    shouldPersistHeaders={false}
    // Queries hold passwords when one signs in, so what is kept ends with the browser's tab.
    storage={sessionStorage}
  />,
);
