/** Objects on a page when the caller says nothing. */
export const DEFAULT_PAGE_SIZE = 20;
/** Most objects on a page. */
export const MAX_PAGE_SIZE = 100;
