import sys

from federation.site import cli

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
