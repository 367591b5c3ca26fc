// Before anything is painted: what only a page without script needs stays away.
document.documentElement.classList.add("js");
