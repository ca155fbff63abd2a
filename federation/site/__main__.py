import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["join"]:
        from federation.site.join import main as join

        sys.exit(join(sys.argv[2:]))
    if sys.argv[1:2] == ["flare"]:
        from federation.site.flare import main as flare

        sys.exit(flare(sys.argv[2:]))
    from federation.site import cli

    sys.exit(cli.main(sys.argv[1:]))
