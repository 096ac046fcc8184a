// Addresses below <base>: reading, changing, following links without loading the page anew.
import { createStore, useStore } from '../lib/store';

export interface Place {
  /** Below <base>, without slashes around it; "" is the root. */
  path: string;
  params: URLSearchParams;
}

const base = (): string => new URL('.', document.baseURI).pathname;

export function placeOf(address: URL, basePath: string): Place {
  const inside = address.pathname.startsWith(basePath)
    ? address.pathname.slice(basePath.length)
    : '';
  return { path: inside.replace(/\/+$/, ''), params: new URLSearchParams(address.search) };
}

const place = createStore<Place>(placeOf(new URL(location.href), base()));
addEventListener('popstate', () => place.set(placeOf(new URL(location.href), base())));

export const usePlace = (): Place => useStore(place);
export const currentPlace = (): Place => place.get();

/** The address of a page: hrefOf("stores", {text: "x"}). Relative to <base>. */
export function hrefOf(path: string, params?: URLSearchParams | Record<string, string>): string {
  const query = new URLSearchParams(params).toString();
  return (path || './') + (query ? `?${query}` : '');
}

/** Goes to an address relative to <base>. `replace` leaves no step to go back to. */
export function navigate(href: string, replace = false): void {
  const address = new URL(href, document.baseURI);
  if (address.href === location.href) return;
  history[replace ? 'replaceState' : 'pushState'](null, '', address.href);
  place.set(placeOf(address, base()));
}

/** Sets filters of this page in the address; null and "" take a key out. */
export function setParams(changes: Record<string, string | null>, replace = true): void {
  const { path, params } = place.get();
  const next = new URLSearchParams(params);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(key);
    else next.set(key, value);
  }
  navigate(hrefOf(path, next), replace);
}

// Plain clicks on links to pages of ours do not leave the document.
export function followLinks(isPage: (path: string) => boolean): void {
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
    if (!link || link.target || link.hasAttribute('download')) return;
    const address = new URL(link.href, document.baseURI);
    if (address.origin !== location.origin || !address.pathname.startsWith(base())) return;
    if (address.hash && address.pathname === location.pathname) return;
    if (!isPage(placeOf(address, base()).path)) return;
    event.preventDefault();
    navigate(address.href);
    scrollTo(0, 0);
  });
}
