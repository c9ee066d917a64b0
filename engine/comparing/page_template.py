"""The HTML around the pictures of a comparison page: everything inside the one file, nothing asked of the network."""

PAGE_START = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: dark; }}
* {{ box-sizing: border-box; }}
html, body {{ height: 100%; margin: 0; }}
body {{ display: flex; flex-direction: column; background: #777; color: #eee;
 font: 14px/1.4 system-ui, sans-serif; }}
header {{ display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; padding: 8px 12px;
 background: #1f2123; }}
h1 {{ font-size: 15px; margin: 0; flex: 1 1 auto; }}
select, button {{ font: inherit; color: inherit; background: #33373b; border: 1px solid #565c62;
 border-radius: 4px; padding: 3px 8px; max-width: 18em; }}
:focus-visible {{ outline: 2px solid #62b0f5; outline-offset: 1px; }}
#view {{ flex: 1 1 auto; min-height: 0; overflow: auto; display: grid; place-content: safe center; }}
#stage {{ position: relative; touch-action: pan-y; cursor: ew-resize; user-select: none; overflow: clip; }}
#stage img {{ position: absolute; inset: 0; width: 100%; height: 100%; display: none; pointer-events: none; }}
#stage img.left, #stage img.right {{ display: block; }}
#stage img.left {{ z-index: 1; clip-path: inset(0 calc(100% - var(--split)) 0 0); }}
#stage.pixels img {{ image-rendering: pixelated; }}
#line {{ position: absolute; z-index: 2; top: 0; bottom: 0; left: var(--split); width: 2px; margin-left: -1px;
 background: #fff; box-shadow: 0 0 0 1px rgba(0, 0, 0, .6); pointer-events: none; }}
#line::after {{ content: "\\2039 \\203A"; display: block; position: sticky; top: calc(50% - 17px); width: 34px;
 height: 34px; margin-left: -16px; border-radius: 50%; background: #fff; color: #111; text-align: center;
 font: bold 18px/30px system-ui, sans-serif; box-shadow: 0 0 0 1px rgba(0, 0, 0, .6); }}
footer {{ display: flex; gap: 12px; align-items: center; padding: 6px 12px; background: #1f2123; font-size: 12px; }}
footer span {{ flex: 1 1 0; min-width: 0; overflow-wrap: anywhere; }}
footer span:last-child {{ text-align: right; }}
input[type=range] {{ flex: 0 1 320px; }}
@media (max-width: 700px) {{
 footer {{ flex-wrap: wrap; }}
 input[type=range] {{ flex: 1 0 100%; order: -1; }}
}}
p {{ margin: 0; padding: 4px 12px; background: #1f2123; color: #a6adb4; font-size: 12px; }}
</style>
</head>
<body>
<header>
<h1>{title}</h1>
<label>Left <select id="left">{left_options}</select></label>
<label>Right <select id="right">{right_options}</select></label>
<button id="size" type="button" aria-pressed="false">1:1</button>
</header>
<noscript><p>Scripts are not allowed here, so the line stays in the middle.</p></noscript>
<div id="view"><div id="stage" data-width="{width}" data-height="{height}"
 style="--split: 50%; width: {width}px; aspect-ratio: {width} / {height}; max-width: 100%">
"""

PICTURE_START = '<img alt="{name}" class="{side}" src="data:{media_type};base64,'
PICTURE_END = '">\n'

PAGE_END = """<div id="line"></div>
</div></div>
<footer><span id="left-caption">{left_caption}</span>
<input id="split" type="range" min="0" max="1000" value="500" aria-label="Line between the two pictures">
<span id="right-caption">{right_caption}</span></footer>
<p>Drag the picture or use the arrow keys to move the line. Space swaps the sides, F fits the window, Z shows every
 pixel, X is the whole left or right picture. Made with Residua.</p>
<script>
"use strict";
const captions = {captions};
const stage = document.getElementById("stage"), view = document.getElementById("view");
const images = Array.from(stage.querySelectorAll("img"));
const left = document.getElementById("left"), right = document.getElementById("right");
const slider = document.getElementById("split"), size = document.getElementById("size");
const width = Number(stage.dataset.width), height = Number(stage.dataset.height);
let actualSize = false;

function showSides() {{
  images.forEach((image, index) => {{
    image.classList.toggle("left", index === left.selectedIndex && index !== right.selectedIndex);
    image.classList.toggle("right", index === right.selectedIndex);
  }});
  document.getElementById("left-caption").textContent = captions[left.selectedIndex];
  document.getElementById("right-caption").textContent = captions[right.selectedIndex];
}}

function showSplit(value) {{
  slider.value = String(Math.min(1000, Math.max(0, value)));
  stage.style.setProperty("--split", slider.value / 10 + "%");
}}

function fit() {{
  const scale = actualSize
    ? 1 / window.devicePixelRatio
    : Math.min(view.clientWidth / width, view.clientHeight / height);
  stage.style.maxWidth = "none";
  stage.style.width = width * scale + "px";
  stage.style.height = height * scale + "px";
  stage.classList.toggle("pixels", scale * window.devicePixelRatio >= 2);
  size.textContent = actualSize ? "Fit" : "1:1";
  size.setAttribute("aria-pressed", String(actualSize));
}}

function setActualSize(value) {{
  actualSize = value;
  fit();
}}

function swap() {{
  [left.selectedIndex, right.selectedIndex] = [right.selectedIndex, left.selectedIndex];
  showSides();
}}

function dragTo(event) {{
  const box = stage.getBoundingClientRect();
  showSplit(Math.round((event.clientX - box.left) / box.width * 1000));
}}

stage.addEventListener("pointerdown", (event) => {{
  stage.setPointerCapture(event.pointerId);
  dragTo(event);
}});
stage.addEventListener("pointermove", (event) => {{ if (event.buttons & 1) dragTo(event); }});
slider.addEventListener("input", () => showSplit(Number(slider.value)));
left.addEventListener("change", showSides);
right.addEventListener("change", showSides);
size.addEventListener("click", () => setActualSize(!actualSize));
window.addEventListener("resize", fit);
document.addEventListener("keydown", (event) => {{
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === "SELECT") return;
  const step = event.shiftKey ? 100 : 10;
  const value = Number(slider.value);
  const actions = {{
    ArrowLeft: () => showSplit(value - step),
    ArrowRight: () => showSplit(value + step),
    Home: () => showSplit(0),
    End: () => showSplit(1000),
    x: () => showSplit(value > 500 ? 0 : 1000),
    f: () => setActualSize(false),
    z: () => setActualSize(true),
    " ": swap,
  }};
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!(key in actions) || (key === " " && event.target.tagName === "BUTTON")) return;
  actions[key]();
  event.preventDefault();
}});
showSides();
showSplit(500);
fit();
</script>
</body>
</html>
"""
