// The console begins here: who is signed in, then the page that the address names.

import { render } from "preact";

import { App } from "./app";
import "./style/tokens.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/print.css";
import { language, setLanguage } from "./words";
import { applyTheme } from "./theme";

setLanguage(language());
applyTheme();
const place = document.getElementById("app");
if (place) render(<App />, place);
