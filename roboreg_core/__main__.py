"""`python -m roboreg_core VERB`: everything that the dashboard does, without a browser."""

from roboreg_core.cli import main

if __name__ == "__main__":
    main()
