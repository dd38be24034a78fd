"""One module a command of the console: it reads options, calls the library and prints. `engine.cli` mounts them."""
