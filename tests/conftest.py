"""Shared fixtures: a display for the tests that open a viewer, only when one runs."""

import os
import shutil
import subprocess
import sys

import pytest
import torch

# Tests neither read nor write the user's napari settings.
os.environ["NAPARI_CONFIG"] = ""


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """What tests teach the forecast stays out of the user's cache; settings are our own.

    Of the session, because what modules share is trained before a test begins.
    """
    folder = tmp_path_factory.getbasetemp() / "cache"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(folder))
        patched.setenv("NAPARI_SELFDENOISE_SETTINGS", str(folder / "settings.toml"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Small tensors on several threads are slow where other programs run too."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def display():
    """A display; on Linux without one, a virtual one of our own."""
    if not sys.platform.startswith("linux") or os.environ.get("DISPLAY"):
        yield
        return
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        pytest.skip("there is no display, and Xvfb is not installed")
    read, write = os.pipe()
    screen = ["-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
    command = [xvfb, "-displayfd", str(write), *screen]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        os.environ["DISPLAY"] = f":{pipe.readline().strip()}"
    yield
    del os.environ["DISPLAY"]
    server.terminate()
    server.wait()


@pytest.fixture(scope="session")
def qapp(display, qapp):
    """pytest-qt's application, on our display."""
    return qapp
