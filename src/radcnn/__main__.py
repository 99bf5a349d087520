"""`python -m radcnn` is `radcnn`."""

from radcnn.cli.main import main

if __name__ == "__main__":
    main()
