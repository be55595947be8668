"""Command line: `python -m roboreg_core` is the same as the command `roboreg`."""

from roboreg_core.cli import main

if __name__ == "__main__":
    main()
