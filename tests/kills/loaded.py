"""What a command imports, once: the processes of the tests are forked from one that has it, before JAX starts."""

import importlib
import warnings

warnings.filterwarnings("ignore", "os.fork")  # JAX has no threads yet

for name in (
    *("h5netcdf", "h5py", "jax", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg"),
    *("optax", "rich.progress", "rich.table", "scipy.optimize", "xarray"),
    *("lfp.commands.cli", "lfp.commands.overlay", "lfp.commands.solve", "lfp.commands.sweep"),
    *("lfp.harness.suite", "lfp.harness.trials"),
):
    importlib.import_module(name)
importlib.import_module("lfp.kernels").neural_tangents()
