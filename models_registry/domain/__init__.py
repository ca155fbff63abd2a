"""What an approver signs, in bytes and in words. Pure: the signer on the approver's own computer imports it too."""
