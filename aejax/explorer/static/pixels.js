"use strict";
// Examples on canvases: images as pixels, rows of a table as bars.

const Pixels = (() => {
  const byte = (value) => 255 * Math.min(Math.max(value, 0), 1);

  // Writes values on the page's scale; `colour(data, place)` -> [r, g, b] where the pixels are not the values.
  function image(canvas, values, [height, width, channels], colour = null) {
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d"), pixels = context.createImageData(width, height);
    for (let place = 0; place < height * width; place++) {
      for (let c = 0; c < 3; c++) {
        pixels.data[place * 4 + c] = colour ? colour(place)[c] : byte(values[place * channels + (channels === 3 ? c : 0)]);
      }
      pixels.data[place * 4 + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
  }

  // Bars up and down from 0, in standard deviations of each column; cut at 3.
  function bars(canvas, values) {
    const height = 120, width = Math.max(120, values.length * 8), slot = width / values.length;
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    context.fillStyle = "#1f5fa8";
    values.forEach((value, i) => {
      const length = Math.min(Math.max(value, -3), 3) / 3 * (height / 2 - 2);
      context.fillRect(i * slot + slot * 0.15, height / 2 - Math.max(length, 0), slot * 0.7, Math.max(Math.abs(length), 1));
    });
    context.fillStyle = "#555";
    context.fillRect(0, height / 2, width, 1);
  }

  function show(canvas, values, scene) {
    if (scene.kind === "image") image(canvas, values, scene.shape);
    else bars(canvas, values);
  }

  // |x − x̂| from 0 (white) to 1 (dark red), the same scale for every example; a mean over colours.
  function difference(canvas, a, b, shape) {
    const channels = shape[2];
    image(canvas, a, shape, (place) => {
      let total = 0;
      for (let c = 0; c < channels; c++) total += Math.abs(a[place * channels + c] - b[place * channels + c]);
      const d = Math.min(total / channels, 1);
      return [255 - 115 * d * d, 255 * (1 - d), 255 * (1 - d)];
    });
  }

  return { image, show, difference };
})();
