"use strict";
// The forward pass of a network: a list of operations with their weights, as aejax/explorer/program.py writes them.
// One datum at a time, {data, height, width, channels}, channels last; sums in float64, results in float32.

const Forward = (() => {
  const sigmoid = (v) => 1 / (1 + Math.exp(-v));
  const ACTIVATIONS = {
    identity: (v) => v,
    tanh: Math.tanh,
    sigmoid,
    relu: (v) => Math.max(v, 0),
    elu: (v) => (v > 0 ? v : Math.expm1(v)),
    gelu: (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
    silu: (v) => v * sigmoid(v),
    softplus: (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))),
  };

  const vector = (data) => ({ data, height: 1, width: 1, channels: data.length });

  function dense(x, step, tensors) {
    const kernel = tensors[step.kernel], [rows, columns] = kernel.shape, weights = kernel.data;
    const sum = Float64Array.from(tensors[step.bias].data);
    if (step.transposed) {
      for (let j = 0; j < rows; j++) {
        for (let i = 0; i < columns; i++) sum[j] += weights[j * columns + i] * x.data[i];
      }
    } else {
      for (let i = 0; i < rows; i++) {
        const value = x.data[i], start = i * columns;
        if (value === 0) continue;
        for (let j = 0; j < columns; j++) sum[j] += weights[start + j] * value;
      }
    }
    return vector(Float32Array.from(sum));
  }

  function convolution(x, step, tensors) {
    const kernel = tensors[step.kernel], [size, , inner, outer] = kernel.shape, weights = kernel.data;
    const bias = tensors[step.bias].data;
    const height = Math.ceil(x.height / step.stride), width = Math.ceil(x.width / step.stride);
    const data = new Float32Array(height * width * outer), sum = new Float64Array(outer);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        sum.set(bias);
        for (let u = 0; u < size; u++) {
          const i = row * step.stride + u - step.top;
          if (i < 0 || i >= x.height) continue;
          for (let v = 0; v < size; v++) {
            const j = column * step.stride + v - step.left;
            if (j < 0 || j >= x.width) continue;
            const from = (i * x.width + j) * inner, at = (u * size + v) * inner * outer;
            for (let c = 0; c < inner; c++) {
              const value = x.data[from + c], start = at + c * outer;
              if (value === 0) continue;
              for (let k = 0; k < outer; k++) sum[k] += weights[start + k] * value;
            }
          }
        }
        data.set(sum, (row * width + column) * outer);
      }
    }
    return { data, height, width, channels: outer };
  }

  function groupNorm(x, step, tensors) {
    const scale = tensors[step.scale].data, bias = tensors[step.bias].data, places = x.height * x.width;
    const members = x.channels / step.groups, data = new Float32Array(x.data.length), epsilon = 1e-6;   // flax's
    for (let first = 0; first < x.channels; first += members) {
      let total = 0, squares = 0;
      for (let place = 0; place < places; place++) {
        for (let c = first; c < first + members; c++) total += x.data[place * x.channels + c];
      }
      const mean = total / (places * members);
      for (let place = 0; place < places; place++) {
        for (let c = first; c < first + members; c++) squares += (x.data[place * x.channels + c] - mean) ** 2;
      }
      const inverse = 1 / Math.sqrt(squares / (places * members) + epsilon);
      for (let place = 0; place < places; place++) {
        for (let c = first; c < first + members; c++) {
          const at = place * x.channels + c;
          data[at] = (x.data[at] - mean) * inverse * scale[c] + bias[c];
        }
      }
    }
    return { ...x, data };
  }

  // A picture of another size, each value from the place that `source(row, column, channel)` names.
  function rearranged(height, width, channels, x, source) {
    const data = new Float32Array(height * width * channels);
    let at = 0;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        for (let channel = 0; channel < channels; channel++) data[at++] = x.data[source(row, column, channel)];
      }
    }
    return { data, height, width, channels };
  }

  const OPERATIONS = {
    dense,
    convolution,
    group_norm: groupNorm,
    activation: (x, step) => ({ ...x, data: x.data.map(ACTIVATIONS[step.name]) }),
    affine: (x, step) => ({ ...x, data: x.data.map((v) => step.factor * v + step.term) }),
    shape: (x, step) => ({ data: x.data, height: step.height, width: step.width, channels: step.channels }),
    pad_edge: (x, step) => rearranged(step.height, step.width, x.channels, x, (row, column, channel) =>
      (Math.min(row, x.height - 1) * x.width + Math.min(column, x.width - 1)) * x.channels + channel),
    crop: (x, step) => rearranged(step.height, step.width, x.channels, x, (row, column, channel) =>
      (row * x.width + column) * x.channels + channel),
    depth_to_space: (x, step) => {
      const f = step.factor;
      return rearranged(x.height * f, x.width * f, x.channels / f ** 2, x, (row, column, channel) =>
        (Math.floor(row / f) * x.width + Math.floor(column / f)) * x.channels
        + channel * f * f + (row % f) * f + (column % f));
    },
  };

  // Float32Array -> Float32Array; `shape` is that of the input where it is a picture.
  function run(operations, tensors, data, shape = [data.length]) {
    let x = vector(data);
    if (shape.length === 3) x = { data, height: shape[0], width: shape[1], channels: shape[2] };
    for (const step of operations) x = OPERATIONS[step.do](x, step, tensors);
    return x.data;
  }

  return { run };
})();
