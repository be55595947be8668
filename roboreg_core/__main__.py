"""Command line: `python -m roboreg_core VERB`."""

from roboreg_core.cli import main

if __name__ == "__main__":
    main()
