"""The page that walks the latent space of a run: one page, two backends.

`scene` says what the page knows before anything is asked, `operations` what a server computes for it by JAX, `server`
how it is asked; `program` and `export` write one file whose decoder runs in the browser. What is shown and how stands
in `static/`, the same for both; only `static/backend.js` knows which one answers.
"""
